import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import { packageRoot } from '../../src/core/package-root.ts';
import { resolvePaths } from '../../src/core/paths.ts';
import { isProgram, searchPath } from '../../src/host/search-path.ts';

const HUB = '10.99.0.1';
const HOST = '10.99.0.2';

/** A tailnet of a test's own: upstream's control server, a relay and STUN in one network namespace, vmkit's host in another. */
export interface Tailnet {
  /** The namespace in which vmkit and QEMU run; it reaches the tailnet's servers and nothing else. */
  readonly host: string;
  readonly loginServer: string;
  /** A file, 0600, with the key that every login must give. */
  readonly keyFile: string;
  /** Puts the host itself into the tailnet, by userspace networking; a folder with its `tailscale`, for PATH. */
  joinHost(programs: { readonly tailscale: string; readonly tailscaled: string }): Promise<string>;
  /** Sends a command to the control server (test/tailnet/main.go), and waits for its answer. */
  control(command: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** Why there can be no tailnet here, or undefined. */
export function whyNoTailnet(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  const folders = searchPath(process.env['PATH'] ?? '');
  const missing = ['ip', 'nft', 'go'].filter((name) => !isProgram(name, folders));
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** Call it at the top of a test file. Everything that it makes is gone when the tests have ended. */
export function useTailnet(): Tailnet {
  const hub = `vmkit-hub-${process.pid}`;
  const host = `vmkit-host-${process.pid}`;
  let folder = '';
  let server: ChildProcess | undefined;
  let daemon: ChildProcess | undefined;
  let loginServer = '';
  let answers: AsyncIterableIterator<string>;
  const next = async (): Promise<unknown> => {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('The control server did not answer.')), 30_000).unref();
    });
    return JSON.parse((await Promise.race([answers.next(), late])).value);
  };
  beforeAll(async () => {
    if (whyNoTailnet() !== undefined) return;
    folder = await mkdtemp(join(tmpdir(), 'vmkit-tailnet-'));
    await writeFile(join(folder, 'key'), 'tskey-for-tests\n', { mode: 0o600 });
    const program = join(folder, 'tailnet');
    await buildServer(program);
    await makeNamespaces(hub, host);
    server = spawn('ip', ['netns', 'exec', hub, program, HUB], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, VMKIT_TEST_AUTH_KEY: 'tskey-for-tests' },
    });
    if (server.stdout === null) throw new Error('The control server has no output.');
    answers = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const said = await next();
    if (typeof said === 'object' && said !== null && 'loginServer' in said) loginServer = String(said.loginServer);
  });
  afterAll(async () => {
    daemon?.kill();
    server?.stdin?.end();
    server?.kill();
    for (const name of [host, hub]) await execa('ip', ['netns', 'delete', name], { reject: false });
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  });
  return {
    host,
    get loginServer() {
      return loginServer;
    },
    get keyFile() {
      return join(folder, 'key');
    },
    joinHost: async ({ tailscale, tailscaled }) => {
      const socket = join(folder, 'host.sock');
      const flags = [
        '--tun=userspace-networking',
        '--state=mem:',
        `--statedir=${folder}`,
        `--socket=${socket}`,
        '--port=0',
      ];
      daemon = spawn('ip', ['netns', 'exec', host, tailscaled, ...flags], {
        stdio: 'ignore',
        env: { ...process.env, TS_NO_LOGS_NO_SUPPORT: 'true' },
      });
      const bin = join(folder, 'bin');
      await mkdir(bin);
      await writeFile(join(bin, 'tailscale'), `#!/bin/sh\nexec ${tailscale} --socket=${socket} "$@"\n`, {
        mode: 0o755,
      });
      const up = [
        `--login-server=${loginServer}`,
        `--auth-key=file:${join(folder, 'key')}`,
        '--hostname=laptop',
        '--timeout=30s',
      ];
      // The daemon makes its socket first.
      await expect.poll(() => existsSync(socket), { timeout: 15_000 }).toBe(true);
      await execa(join(bin, 'tailscale'), ['up', ...up], { timeout: 40_000 });
      return bin;
    },
    control: async (command) => {
      server?.stdin?.write(`${JSON.stringify(command)}\n`);
      return next();
    },
  };
}

/** With the flags and the module cache of the components, so that Go compiles Tailscale once. */
async function buildServer(program: string): Promise<void> {
  await mkdir(join(program, '..'), { recursive: true });
  await execa('go', ['build', '-o', program, '.'], {
    cwd: join(packageRoot(), 'test', 'tailnet'),
    env: {
      CGO_ENABLED: '0',
      GOFLAGS: '-mod=mod -trimpath -modcacherw',
      GOMODCACHE: join(resolvePaths().cache, 'go-modules'),
    },
    timeout: 1_200_000,
  });
}

async function makeNamespaces(hub: string, host: string): Promise<void> {
  const commands = [
    ['ip', 'netns', 'add', hub],
    ['ip', 'netns', 'add', host],
    ['ip', '-n', hub, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', host, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', hub, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host],
    ['ip', '-n', hub, 'address', 'add', `${HUB}/24`, 'dev', 'eth0'],
    ['ip', '-n', host, 'address', 'add', `${HOST}/24`, 'dev', 'eth0'],
    ['ip', '-n', hub, 'link', 'set', 'eth0', 'up'],
    ['ip', '-n', host, 'link', 'set', 'eth0', 'up'],
    ['ip', '-n', host, 'route', 'add', 'default', 'via', HUB],
  ];
  for (const [program = '', ...args] of commands) await execa(program, args);
}
