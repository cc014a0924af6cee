import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../src/net/tcp.ts';
import { useSandbox } from '../../support/machine.ts';

/** Miniflux as it ships, on a port of its own; every test goes on where the one before it ended. */
describe.sequential('miniflux', () => {
  const sandbox = useSandbox();
  let port = 0;
  let password = '';

  const definition = (workMem = '4MB'): string => `memory: 768MiB
data: 1GiB
services:
  - use: postgres
    port: 5433
    settings: { work_mem: ${workMem} }
  - use: miniflux
    port: ${port}
`;

  async function api(path: string, options: { method?: string; body?: unknown; as?: string } = {}): Promise<Response> {
    const login = Buffer.from(`admin:${options.as ?? password}`).toString('base64');
    return fetch(`http://127.0.0.1:${port}${path}`, {
      method: options.method ?? 'GET',
      headers: { authorization: `Basic ${login}`, 'content-type': 'application/json' },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      signal: AbortSignal.timeout(30_000),
    });
  }

  async function categories(): Promise<unknown> {
    return (await api('/v1/categories')).json();
  }

  beforeAll(async () => {
    port = await freePort();
    await sandbox.define('miniflux', definition());
  });

  test('boots until it answers, and says where it is and how to log in', async () => {
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['boot', 'miniflux']);
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`http://127.0.0.1:${port}`);
    const file = /password in (\S+)/.exec(stdout)?.[1] ?? '';
    password = (await readFile(file, 'utf8')).trim();
    expect(password).toMatch(/^[A-Za-z0-9]{24}$/);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });

  test('the administrator logs in with the generated password, and with no other', async () => {
    expect(await (await api('/v1/me')).json()).toMatchObject({ username: 'admin', is_admin: true });
    expect((await api('/v1/me', { as: 'password' })).status).toBe(401);
    expect((await api('/v1/categories', { method: 'POST', body: { title: 'kept' } })).status).toBe(201);
  });

  test('the password is in no command line, no log, and no file of the running machine', async () => {
    const state = await sandbox.state('miniflux');
    expect(await readFile(`/proc/${state?.pid}/cmdline`, 'utf8')).not.toContain(password);
    const folder = sandbox.machine('miniflux').stateDir;
    const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
    expect(names.map(({ name }) => name)).toEqual(expect.arrayContaining(['console.log', 'events.log']));
    expect(names.map(({ name }) => name)).not.toContain('secrets.img');
    for (const { name } of names) expect(await readFile(join(folder, name), 'utf8')).not.toContain(password);
    const seen = await sandbox.vmkit([
      'exec',
      'miniflux',
      '--',
      'sh',
      '-c',
      'cat /proc/[0-9]*/cmdline /run/log/*/current',
    ]);
    expect(seen.exitCode).toBe(0);
    expect(seen.stdout).not.toContain(password);
    // The disk that brought it: QEMU still has the file open, and every byte of it is zero.
    const disk =
      'for s in /sys/block/*/serial; do read -r n <$s; if [ "$n" = vmkit-secrets ]; then b=${s%/serial}; tr -d "\\0" </dev/${b##*/} | wc -c; fi; done';
    expect((await sandbox.vmkit(['exec', 'miniflux', '--', 'sh', '-c', disk])).stdout.trim()).toBe('0');
  });

  test('status, ls and logs tell of it', async () => {
    expect(await sandbox.json(['status', 'miniflux'])).toMatchObject({ condition: 'running', name: 'miniflux' });
    const list = await sandbox.vmkit(['ls']);
    expect(list.stdout).toMatch(new RegExp(`miniflux +running .*http://127.0.0.1:${port}`));
    expect((await sandbox.vmkit(['logs', 'miniflux', 'postgres'])).stdout).toContain('ready to accept connections');
    expect((await sandbox.vmkit(['logs', 'miniflux'])).exitCode).toBe(0);
    expect((await sandbox.vmkit(['logs', 'miniflux', 'nginx'])).exitCode).toBe(2);
  });

  test('exec passes arguments, input and the exit code on as they are', async () => {
    const words = ['007', '', 'a b', "it's", '$HOME', '-x', '--', '*'];
    const printed = await sandbox.vmkit(['exec', 'miniflux', '--', 'printf', '<%s>', ...words]);
    expect(printed.stdout).toBe(words.map((word) => `<${word}>`).join(''));
    const counted = await sandbox.vmkit(['exec', 'miniflux', '--', 'wc', '-c'], { input: 'x'.repeat(300_000) });
    expect(counted.stdout.trim()).toBe('300000');
    const failed = await sandbox.vmkit(['exec', 'miniflux', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']);
    expect(failed).toEqual({ exitCode: 42, stdout: 'out\n', stderr: 'err\n' });
  });

  test('booting it again finds it running', async () => {
    const again = await sandbox.vmkit(['boot', 'miniflux']);
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toContain('miniflux runs already');
    expect(again.stdout).toContain(`http://127.0.0.1:${port}`);
  });

  test('stops cleanly: services in reverse order, the data disk unmounted', async () => {
    expect(await sandbox.json(['stop', 'miniflux'])).toMatchObject({ wasRunning: true, stopped: { forced: [] } });
    expect(await sandbox.json(['stop', 'miniflux'])).toMatchObject({ wasRunning: false });
    const events = await readFile(sandbox.machine('miniflux').eventsLog, 'utf8');
    const stopped = [...events.matchAll(/"event":"stopped","service":"([a-z]+)"/g)].map((match) => match[1]);
    expect(stopped.indexOf('miniflux')).toBeLessThan(stopped.indexOf('postgres'));
    expect(events).toMatch(/"event":"stopped","uptime":[\d.]+,"forced":false/);
    expect((await sandbox.vmkit(['status', 'miniflux'])).stdout).toContain('off');
  });

  test('a changed definition is a new image over the same data', async () => {
    await sandbox.define('miniflux', definition('7MB'));
    const booted = await sandbox.vmkit(['boot', 'miniflux']);
    expect(booted.stderr).toContain('initramfs');
    expect(booted.exitCode).toBe(0);
    const asked = ['s6-setuidgid', 'postgres', 'psql', '-h', '/run/postgresql', '-p', '5433', '-AtXc', 'SHOW work_mem'];
    expect((await sandbox.vmkit(['exec', 'miniflux', '--', ...asked])).stdout).toBe('7MB\n');
    expect(await categories()).toMatchObject(expect.arrayContaining([expect.objectContaining({ title: 'kept' })]));
  });

  test('killed like a power cut, it comes back with what it had', async () => {
    expect((await api('/v1/categories', { method: 'POST', body: { title: 'also kept' } })).status).toBe(201);
    await sandbox.killQemu('miniflux');
    expect(await sandbox.json(['status', 'miniflux'])).toMatchObject({ condition: 'crashed' });
    expect((await sandbox.vmkit(['exec', 'miniflux', '--', 'true'])).stderr).toContain('does not run');
    expect((await sandbox.vmkit(['boot', 'miniflux'])).exitCode).toBe(0);
    const titles = [expect.objectContaining({ title: 'kept' }), expect.objectContaining({ title: 'also kept' })];
    expect(await categories()).toEqual(expect.arrayContaining(titles));
  });

  test('is deleted only when it is off and when told so', async () => {
    expect((await sandbox.vmkit(['rm', 'miniflux', '--yes'])).stderr).toContain('runs; nothing was changed');
    expect((await sandbox.vmkit(['stop', 'miniflux'])).exitCode).toBe(0);
    expect((await sandbox.vmkit(['rm', 'miniflux'])).exitCode).toBe(2);
    expect((await sandbox.vmkit(['rm', 'miniflux', '--yes'])).exitCode).toBe(0);
    expect((await sandbox.vmkit(['ls'])).stdout).not.toContain('miniflux  ');
  });
});
