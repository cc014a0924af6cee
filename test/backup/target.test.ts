import { expect, test } from 'vitest';
import { resticArgv } from '../../src/backup/restic/run-restic.ts';
import { parseTarget, shownTarget } from '../../src/backup/target.ts';

test('folders, archives, servers', () => {
  expect(parseTarget('backups', '/home/me')).toEqual({ kind: 'restic', url: '/home/me/backups' });
  expect(parseTarget('/srv/sql.tar.zst', '/')).toEqual({ kind: 'archive', url: '/srv/sql.tar.zst' });
  expect(parseTarget('rest:https://h:8000/sql/', '/')).toEqual({ kind: 'restic', url: 'rest:https://h:8000/sql/' });
  expect(parseTarget('sftp://me@h:2222//srv/b', '/')).toEqual({
    kind: 'restic',
    url: 'sftp://me@h:2222//srv/b',
    sshHost: { destination: 'me@h', port: '2222' },
  });
});

test.each([
  '',
  'sftp:h:/b',
  'sftp://-oProxyCommand=x/b',
  'sftp://-x@h/b',
  'sftp://h',
  's3:b',
  'rest:h',
  'sftp://h:1;x/b',
])('%j is no place', (text) => {
  expect(() => parseTarget(text, '/')).toThrow(expect.objectContaining({ code: 'bad-usage' }));
});

test('no password of a URL is shown, and no URL is on a command line', () => {
  const target = parseTarget('rest:https://me:secret@h/', '/');
  expect(shownTarget(target)).toBe('rest:https://me:***@h/');
  if (target.kind !== 'restic') throw new Error('no repository');
  expect(resticArgv({ target, passwordFile: '/p' }, ['backup', '.'])).toEqual(['restic', 'backup', '.']);
});

test('by sftp restic starts an ssh that asks nobody and notices silence', () => {
  const target = parseTarget('sftp://me@h:2222//srv/b', '/');
  if (target.kind !== 'restic') throw new Error('no repository');
  expect(resticArgv({ target, passwordFile: '/p' }, ['init'])).toEqual([
    'restic',
    '-o',
    'sftp.command=ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o ServerAliveCountMax=3 -p 2222 me@h -s sftp',
    'init',
  ]);
});
