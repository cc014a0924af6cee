import { expect, test } from 'vitest';
import { copyFile, parseEnd } from '../../src/verbs/copy-file.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test.each([
  ['sql:/tmp/a', { kind: 'guest', name: 'sql', path: '/tmp/a' }],
  ['sql:a:b', { kind: 'guest', name: 'sql', path: 'a:b' }],
  ['./sql:a', { kind: 'here', path: './sql:a' }],
  ['/tmp/a:b', { kind: 'here', path: '/tmp/a:b' }],
  ['sql:', { kind: 'here', path: 'sql:' }],
  ['SQL:/a', { kind: 'here', path: 'SQL:/a' }],
  ['../x:/a', { kind: 'here', path: '../x:/a' }],
])('%s', (text, end) => {
  expect(parseEnd(text)).toEqual(end);
});

test('from here to here, and a machine that is not there, are refused', async () => {
  const context = contextIn(await temporaryFolder());
  await expect(copyFile('a', 'b', context)).rejects.toMatchObject({ code: 'bad-usage' });
  await expect(copyFile('one:/a', 'two:/b', context)).rejects.toMatchObject({ code: 'bad-usage' });
  await expect(copyFile('a', 'gone:/b', context)).rejects.toMatchObject({ code: 'unknown-machine' });
});
