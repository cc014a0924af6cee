import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { exportLines } from '../../src/tailnet/node/joined.ts';
import { withLine } from '../../src/verbs/tailnet/profile-line.ts';
import { parseForward } from '../../src/verbs/tailnet/run-through.ts';

test('a forward names a port here, a node, and a port there', () => {
  expect(parseForward('13000:forge:3000')).toEqual({ here: 13000, to: { address: 'forge', port: 3000 } });
  expect(parseForward('1:[fd7a::2]:65535')).toEqual({ here: 1, to: { address: 'fd7a::2', port: 65535 } });
});

test.each(['13000:forge', 'forge:3000', '0:forge:1', '1:forge:65536', '1::2', '1:a b:2'])('%s is none', (text) => {
  expect(() => parseForward(text)).toThrow(`--forward ${text}: expected PORT:NODE:PORT`);
});

test('a shell reads the variables of the proxy', async () => {
  const { stdout } = await execa('sh', ['-c', `${exportLines(1055)}echo "$ALL_PROXY $http_proxy"`]);
  expect(stdout).toBe('socks5h://127.0.0.1:1055 http://127.0.0.1:1055');
});

describe('the line of a profile', () => {
  const line = 'start it # vmkit tailnet join';

  test('is there once, at the end, and can be taken out again', () => {
    const once = withLine('umask 022\n', [], line);
    expect(once).toBe(`umask 022\n${line}\n`);
    expect(withLine(once, [], 'start another # vmkit tailnet join')).toBe(
      'umask 022\nstart another # vmkit tailnet join\n',
    );
    expect(withLine(once, [], undefined)).toBe('umask 022\n');
    expect(withLine('', [], line)).toBe(`${line}\n`);
  });

  test('what others wrote meanwhile stays', () => {
    const missed = [{ from: 'umask 022\n', to: 'umask 022\nPATH=/x\n' }];
    expect(withLine('umask 022\n', missed, line)).toBe(`umask 022\nPATH=/x\n${line}\n`);
  });
});
