import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../src/net/tcp.ts';
import { useSandbox } from '../../support/machine.ts';

const LOG_IN = `read -r PGPASSWORD; export PGPASSWORD
exec /usr/lib/postgresql/17/bin/psql -XAtqw -h 192.168.100.2 -U news -d news -c 'SELECT 1'`;

/** Two machines on a private network, without root, and a third one that tries; every test goes on where the one before it ended. */
describe.sequential('a private network', () => {
  const sandbox = useSandbox();
  let port = 0;

  const health = async (): Promise<number> => {
    const answer = fetch(`http://127.0.0.1:${port}/healthcheck`, { signal: AbortSignal.timeout(10_000) });
    return answer.then(
      ({ status }) => status,
      () => 0,
    );
  };

  /** Whether PostgreSQL of sql takes a connection from a machine. */
  const reaches = async (machine: string): Promise<boolean> => {
    const dial = '/run/vmkit/busybox nc -w 3 192.168.100.2 5432 </dev/null';
    return (await sandbox.vmkit(['exec', machine, '--', 'sh', '-c', dial])).exitCode === 0;
  };

  test('boots what a machine needs, and then the machine, which logs in there by its password', async () => {
    port = await freePort();
    await sandbox.define(
      'sql',
      `memory: 512MiB
data: 1GiB
network: { kind: private, address: 192.168.100.2 }
services:
  - use: postgres
    databases: [{ name: news, owner: news, from: [192.168.100.4] }]
`,
    );
    await sandbox.define(
      'news',
      `memory: 512MiB
data: 256MiB
needs: [sql]
network: { kind: private, address: 192.168.100.4, world: host }
services:
  - use: miniflux
    port: ${port}
    database: { machine: sql, address: 192.168.100.2, name: news }
`,
    );
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['boot', 'news']);
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    expect(stdout.indexOf('sql is up')).toBeLessThan(stdout.indexOf('news is up'));
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });

  test('lets no other machine in, whatever address it takes', async () => {
    await sandbox.define(
      'third',
      `memory: 512MiB
data: 1GiB
network: { kind: private, address: 192.168.100.5 }
services:
  - use: postgres
`,
    );
    expect((await sandbox.vmkit(['boot', 'third'])).exitCode).toBe(0);
    expect(await reaches('news')).toBe(true);
    expect(await reaches('third')).toBe(false);
    const spoof = `ip link set eth1 down; ip addr flush dev eth1; ip link set eth1 address 52:54:01:a8:64:04
ip addr add 192.168.100.4/24 dev eth1; ip link set eth1 up`;
    expect((await sandbox.vmkit(['exec', 'third', '--', 'sh', '-c', spoof])).exitCode).toBe(0);
    expect(await reaches('third')).toBe(false);
    expect(await reaches('news')).toBe(true);
  });

  test('a machine dials the world by IPv6 as well', async () => {
    const server = createServer((connection) => connection.end());
    await new Promise<void>((resolve) => void server.listen(0, '::1', resolve));
    const address = server.address();
    const dial = `/run/vmkit/busybox nc -w 3 fec0::2 ${typeof address === 'object' ? address?.port : 0} -e /bin/true`;
    const { exitCode } = await sandbox.vmkit(['exec', 'news', '--', 'sh', '-c', dial]);
    server.close();
    expect(exitCode).toBe(0);
  });

  test('a new password is taken by both machines, and the old one is refused', async () => {
    const file = join(sandbox.machine('sql').secretsDir, 'postgres', 'news-password');
    const old = await readFile(file, 'utf8');
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['secrets', 'rotate', 'sql', 'news']);
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('now in sql and news');
    await expect.poll(health, { timeout: 60_000, interval: 500 }).toBe(200);
    expect(await readFile(file, 'utf8')).not.toBe(old);
    const logIn = (password: string): Promise<{ exitCode: number; stderr: string }> =>
      sandbox.vmkit(['exec', 'news', '--', 'sh', '-c', LOG_IN], { input: password });
    expect((await logIn(old)).stderr).toContain('password authentication failed');
    expect((await logIn(await readFile(file, 'utf8'))).exitCode).toBe(0);
  });

  test('refuses a second machine with an address that is taken', async () => {
    const yaml =
      'memory: 512MiB\ndata: 1GiB\nnetwork: { kind: private, address: 192.168.100.2 }\nservices:\n  - use: postgres\n';
    await sandbox.define('twin', yaml);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'twin']);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('192.168.100.2, which sql has');
  });

  test('the machine recovers by itself when the other one was killed and booted again', async () => {
    await sandbox.killQemu('sql');
    expect(await health()).not.toBe(200);
    expect((await sandbox.vmkit(['boot', 'sql'])).exitCode).toBe(0);
    await expect.poll(health, { timeout: 120_000, interval: 500 }).toBe(200);
  });

  test('stops the other way round', async () => {
    const { exitCode, stderr } = await sandbox.vmkit(['stop', 'sql']);
    expect(exitCode).toBe(0);
    expect(stderr.indexOf('stop news')).toBeLessThan(stderr.indexOf('stop sql'));
    expect(await sandbox.state('news')).toBeUndefined();
    expect(await sandbox.state('sql')).toBeUndefined();
    expect((await sandbox.state('third'))?.name).toBe('third');
  });
});
