import { expect, test } from 'vitest';
import { isNoRepository, resticArgv, resticFailed } from '../../src/backup/restic/run-restic.ts';
import { fullUrl, parseTarget } from '../../src/backup/target.ts';

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

test('the password in a URL is apart from it, and no URL is on a command line', () => {
  const target = parseTarget('rest:https://me:se%40cr%2Fet@h/', '/');
  expect(target).toEqual({ kind: 'restic', url: 'rest:https://me@h/', serverPassword: 'se@cr/et' });
  if (target.kind !== 'restic') throw new Error('no repository');
  expect(fullUrl(target)).toBe('rest:https://me:se%40cr%2Fet@h/');
  expect(resticArgv({ target, passwordFile: '/p' }, ['backup', '.'])).toEqual(['restic', 'backup', '.']);
});

test.each([
  'rest:https://me:se/cret@h/',
  'rest:https://me:se%zzcret@h/',
  'rest:ftp://me:secret@h/',
  's3://me:secret@h/',
  'rest:https://:secret@h/',
])('no password is in the refusal of %j', (text) => {
  expect(() => parseTarget(text, '/')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('cret') }),
  );
});

test('what restic says of a URL that it cannot read shows no password', () => {
  const target = { kind: 'restic', url: 'rest:https://me@h/', serverPassword: 'se@cret' } as const;
  const said = `parse "${fullUrl(target).slice(5)}": invalid, se%40cret, se@cret`;
  expect(resticFailed({ target }, 'cat', said).message).not.toMatch(/cret/);
});

test.each([
  ['unable to open config file: stat /x/config: no such file or directory\nIs there a repository at', true],
  ['unable to open config file: <config/> does not exist\nIs there a repository at', true],
  ['repository does not exist: unable to open config file', true],
  ['unable to open config file: client.Head: dial tcp: connection refused\nIs there a repository at', false],
  ['unable to open config file: unexpected HTTP response (401): 401 Unauthorized\nIs there a repository at', false],
])('only what is seen to be absent is no repository: %j', (said, isNone) => {
  expect(isNoRepository(said)).toBe(isNone);
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
