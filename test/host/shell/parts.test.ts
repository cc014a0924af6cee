import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { requireRemovable } from '../../../src/host/removable.ts';
import { fileRuns } from '../../../src/host/shell/file-runs.ts';
import { BLOCK_BYTES } from '../../../src/host/shell/scripts/job.ts';
import { bootArgv } from '../../../src/host/shell/session/boot-shell.ts';
import { childShell } from '../../../src/host/shell/session/child-shell.ts';
import { betweenMarks } from '../../../src/host/shell/session/marks.ts';
import type { ShellProcess } from '../../../src/host/shell/session/shell.ts';
import { shellHost } from '../../../src/host/shell/shell-host.ts';
import { controlFolder } from '../../../src/host/ssh/control-folder.ts';
import { parseSshUrl } from '../../../src/host/ssh/destination.ts';
import { explainSshEnd } from '../../../src/host/ssh/login-error.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('what stands between the marks is given out, however it was split, and nothing else', () => {
  const mark = 'vmkit-0123';
  fc.assert(
    fc.property(
      fc.uint8Array(),
      fc.constantFrom('', 'vmkit-012', 'vvmkit-', '\n'),
      fc.array(fc.nat(60)),
      (bytes, tail, cuts) => {
        const content = Buffer.concat([bytes, Buffer.from(tail)]);
        const stream = Buffer.concat([Buffer.from(`banner vmkit-01\n${mark}\n`), content, Buffer.from(`${mark} 7\n`)]);
        const got: Buffer[] = [];
        const noise: Buffer[] = [];
        const marks = betweenMarks(
          mark,
          (each) => void got.push(Buffer.from(each)),
          (each) => void noise.push(each),
        );
        const ends = [...cuts, stream.length].toSorted((a, b) => a - b);
        const statuses = ends.map((end, index) => marks.take(stream.subarray(ends[index - 1] ?? 0, end)));
        expect(statuses.at(-1) ?? statuses.find((status) => status !== undefined)).toBe('7');
        expect(Buffer.concat(got)).toEqual(content);
        expect(Buffer.concat(noise).toString()).toBe('banner vmkit-01\n');
      },
    ),
  );
});

test('output is not held back once it cannot be the mark', () => {
  const got: string[] = [];
  const marks = betweenMarks(
    'vmkit-0',
    (each) => void got.push(each.toString()),
    () => undefined,
  );
  marks.take(Buffer.from('vmkit-0\nlocked\n'));
  expect(got.join('')).toBe('locked\n');
});

test('an address of ssh holds nothing but a user, a host and a port', () => {
  expect(parseSshUrl('ssh://me@server:2222')).toMatchObject({ user: 'me', host: 'server', port: 2222 });
  expect(parseSshUrl('ssh://alias/')).toMatchObject({ user: undefined, host: 'alias', port: undefined });
  expect(parseSshUrl('ssh://[::1]:22')).toMatchObject({ host: '::1', port: 22 });
  const bad = [
    'server',
    'http://server',
    'ssh://',
    'ssh://-oProxyCommand=x',
    'ssh://-l@server',
    'ssh://a b',
    'ssh://a\nb',
    'ssh://me:hunter2@server',
  ];
  for (const url of [
    ...bad,
    'ssh://server:0',
    'ssh://server:99999',
    'ssh://server/path',
    'ssh://$(id)',
    'ssh://a;b',
    'ssh://[server]',
  ]) {
    expect(() => parseSshUrl(url), url).toThrow(expect.objectContaining({ code: 'bad-usage' }));
    expect(() => parseSshUrl(url), url).not.toThrow(/hunter2/);
  }
});

test('what is removed is deep enough, and no home', () => {
  for (const path of ['/home/me/.cache/vmkit', '/tmp/x', '/home/me2']) requireRemovable(path, '/home/me');
  for (const path of [
    '',
    '/',
    'x',
    './x',
    '/tmp',
    '/tmp/',
    '/a//b',
    '/a/../b',
    '/a/b/..',
    '/home',
    '/home/me',
    '/a/b\0c',
  ]) {
    expect(() => requireRemovable(path, '/home/me'), path).toThrow(expect.objectContaining({ code: 'remove-refused' }));
  }
});

test('holes of a file are not sent', async () => {
  const path = join(await temporaryFolder(), 'file');
  const block = randomBytes(BLOCK_BYTES);
  await writeFile(
    path,
    Buffer.concat([Buffer.alloc(BLOCK_BYTES), block, block, Buffer.alloc(70 * BLOCK_BYTES), Buffer.from('end')]),
  );
  const file = await open(path);
  const runs: Buffer[] = [];
  for await (const run of fileRuns(file, 0, () => undefined)) runs.push(run);
  await file.close();
  const heads = runs.filter(({ length }) => length < 100).map(String);
  expect(heads).toEqual(['1 2\n', '73 1\n', 'end\n']);
  expect(runs[1]).toEqual(Buffer.concat([block, block]));
  expect(runs[3]).toEqual(Buffer.concat([Buffer.from('end'), Buffer.alloc(BLOCK_BYTES - 3)]));
});

test('the folder of the connections is ours alone', async () => {
  const runtime = await temporaryFolder();
  const folder = controlFolder({ XDG_RUNTIME_DIR: runtime });
  expect(folder).toBe(join(runtime, 'vmkit-ssh'));
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  chmodSync(folder, 0o755);
  expect(() => controlFolder({ XDG_RUNTIME_DIR: runtime })).toThrow(
    expect.objectContaining({ code: 'ssh-folder-unsafe' }),
  );
  const other = join(runtime, 'other');
  mkdirSync(other);
  symlinkSync(runtime, join(other, 'vmkit-ssh'));
  expect(() => controlFolder({ XDG_RUNTIME_DIR: other })).toThrow(
    expect.objectContaining({ code: 'ssh-folder-unsafe' }),
  );
  expect(controlFolder({ XDG_RUNTIME_DIR: `/${'x'.repeat(90)}` })).toMatch(/vmkit-ssh-\d+$/);
});

test('a login that failed is told apart from a connection that was lost', () => {
  const to = parseSshUrl('ssh://server');
  const code = (how: string, noise: string, hasStarted = false) =>
    explainSshEnd(to, { how, noise, hasStarted, title: 'x' }).code;
  expect(code('exit code 255', 'ssh: connect to host server port 22: Connection timed out')).toBe('ssh-timeout');
  expect(code('exit code 255', 'ssh: connect to host server port 22: No route to host')).toBe('ssh-timeout');
  expect(code('exit code 255', 'kex_exchange_identification: Connection closed by remote host')).toBe('ssh-failed');
  expect(code('exit code 255', '')).toBe('ssh-connection-lost');
  expect(code('exit code 1', 'This account is currently not available.')).toBe('ssh-no-shell');
  expect(code('exit code 255', 'Permission denied', true)).toBe('ssh-connection-lost');
  expect(code('spawn ssh ENOENT', '')).toBe('tool-missing');
});

test.each([
  ['a shared connection that ends without a word', 'exit 255', 2],
  ['one that ends while the shell answers', 'IFS= read -r job; mark=${job#mark=}; echo "${mark%%\\\\n*}"; exit 255', 2],
  ['a login that is refused', 'echo Permission denied >&2; exit 255', 1],
])('%s: how often a login is tried', async (_, first, expected) => {
  let logins = 0;
  const to = parseSshUrl('ssh://server');
  const host = shellHost({
    name: 'server',
    startShell: () => {
      logins += 1;
      return childShell(logins === 1 ? ['sh', '-c', first] : bootArgv());
    },
    explain: (end) => explainSshEnd(to, end),
  });
  const said = await host.exec(['echo', 'hello']).then(
    ({ stdout }) => stdout,
    ({ code }) => code,
  );
  expect(said).toBe(expected === 2 ? 'hello\n' : 'ssh-denied');
  expect(logins).toBe(expected);
});

test('a connection that is lost takes the idle shells with it, and is no failed login', async () => {
  const to = parseSshUrl('ssh://server');
  const shells: ShellProcess[] = [];
  const host = shellHost({
    name: 'server',
    startShell: () => {
      const shell = childShell(bootArgv());
      shells.push(shell);
      return shell;
    },
    explain: (end) => explainSshEnd(to, end),
  });
  const first = host.exec(['sleep', '600']);
  await host.exec(['true']);
  expect(shells).toHaveLength(2);
  shells[0]?.destroy();
  await expect(first).rejects.toMatchObject({ code: 'ssh-connection-lost' });
  expect((await host.exec(['echo', 'hello'])).stdout).toBe('hello\n');
  expect(shells).toHaveLength(3);
  // What is lost while it is idle is told by the next job, which may have been done.
  shells[2]?.destroy();
  await expect(host.exec(['true'])).rejects.toMatchObject({ code: 'ssh-connection-lost' });
});
