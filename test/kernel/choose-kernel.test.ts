import { expect, test } from 'vitest';
import { chooseKernel, toolsOfKernel } from '../../src/kernel/choose-kernel.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const AUTO = { arch: 'x86_64', kernel: { kind: 'auto' } } as const;
const OWN = { kind: 'vmkit', profile: 'default', fragments: [] } as const;

test("where no kernel was built, auto is Debian's; nobody is asked, and no compiler is needed", async () => {
  const context = contextIn(await temporaryFolder());
  const host = { ...context.host, exec: () => Promise.reject(new Error('nothing runs')) };
  expect(await chooseKernel(AUTO, { ...context, host })).toEqual({ kind: 'debian' });
  expect(await toolsOfKernel(AUTO, { ...context, host })).toEqual(['modules']);
});

test('what a definition insists on is taken, whatever is built', async () => {
  const context = contextIn(await temporaryFolder());
  expect(await chooseKernel({ ...AUTO, kernel: OWN }, context)).toEqual(OWN);
  expect(await toolsOfKernel({ ...AUTO, kernel: OWN }, context)).toEqual(['kernel', 'kernel-x86_64']);
  expect(await toolsOfKernel({ ...AUTO, kernel: { kind: 'path', path: '/boot' } }, context)).toEqual(['modules']);
});
