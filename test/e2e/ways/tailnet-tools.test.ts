import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { machinePaths, resolvePaths } from '../../../src/core/paths.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { findProgram, searchPath } from '../../../src/host/local/search-path.ts';
import { ensureSshKeys } from '../../../src/secrets/ssh-keys.ts';
import type { TriedWays } from '../../../src/verbs/tailnet/try-ways.ts';
import { type OrdinaryUser, ordinaryUser, type ScratchRoot } from '../../support/hosts/ordinary-user.ts';
import { scratchRoot } from '../../support/hosts/scratch-root.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';
import { gitRepository } from '../../support/services/git-repository.ts';
import { tailscalePrograms } from '../../support/tailnet/programs.ts';
import { type Joined, whyNoTailnet } from '../../support/tailnet/tailnet.ts';
import { useTailnet } from '../../support/tailnet/use-tailnet.ts';

const reason = whyNoTailnet();

/** The tools of a host in a tailnet, with real tailscaled and no machine; each test goes on where the one before it ended. */
describe.skipIf(reason !== undefined).sequential(`tailnet tools${reason === undefined ? '' : `: ${reason}`}`, () => {
  const tailnet = useTailnet();
  const sandbox = useSandbox(tailnet.host);
  const children: ChildProcess[] = [];
  const url = 'http://forge:3000/it.git';
  let programs = { tailscale: '', tailscaled: '' };
  let forge: Joined | undefined;
  let own: Joined | undefined;
  let router: Joined | undefined;

  const inHost = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    execa('ip', ['netns', 'exec', tailnet.host, ...argv], {
      env: { PATH: searched(), ...env },
      reject: false,
      timeout: 120_000,
    });
  const vmkit = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    sandbox.vmkit(args, { env: { PATH: searched(), ...env } });
  /** With a `tailscale` that knows no socket. */
  const searched = (): string => `${join(programs.tailscale, '..')}:${process.env['PATH']}`;

  beforeAll(async () => {
    programs = await tailscalePrograms(sandbox.folder);
    forge = await tailnet.join({ ...programs, namespace: tailnet.peer, hostname: 'forge', isTun: true });
    children.push(await sshdOf(tailnet.peer, sandbox.folder));
  });
  afterAll(() => {
    for (const child of children) child.kill();
  });

  test('a computer that is in no tailnet is told what to do', async () => {
    const { exitCode, stderr } = await vmkit(['tailnet', 'hosts', '--file', '/dev/null']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('tailnet join') });
  });

  const config = (): string => join(sandbox.folder, 'config');
  const sshWorks = async (): Promise<void> => {
    const { stdout, stderr } = await inHost(['ssh', '-F', config(), '-o', 'BatchMode=yes', 'forge', 'echo', 'there']);
    expect({ stdout, stderr }).toEqual({ stdout: 'there', stderr: '' });
  };
  const writeInventory = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await vmkit(['tailnet', 'inventory', ...args]);
    expect(stderr).toBe('');
    return stdout;
  };

  test('inventory: with userspace networking ssh goes through tailscaled, whose socket is found', async () => {
    own = await tailnet.join({ ...programs, namespace: tailnet.host, hostname: 'sandbox', isTun: false });
    await writeFile(config(), await writeInventory());
    const text = await readFile(config(), 'utf8');
    expect(text).toContain(`(process ${own.pid})`);
    expect(text).toContain(`ProxyCommand`);
    await sshWorks();
  });

  const ansiblePings = async (ansible: string): Promise<void> => {
    const file = join(sandbox.folder, 'inventory.yaml');
    await writeFile(file, await writeInventory('--for', 'ansible'));
    // What Python the server offers first may be a stand-in (pyenv).
    const python = `ansible_python_interpreter=${join(ansible, '..', 'python3')}`;
    const ping = await inHost([ansible, '-i', file, 'vmkit', '-e', python, '-m', 'ping'], { HOME: sandbox.folder });
    expect(ping.stdout, ping.stderr).toContain('"ping": "pong"');
  };

  test('inventory: Ansible pings through it', { timeout: 300_000 }, async (context) => {
    const ansible = await findAnsible();
    if (ansible === undefined) return context.skip('VMKIT_TEST_ALL=1 installs ansible');
    await ansiblePings(ansible);
  });

  test('hosts: the names of the tailnet, from the daemon that was found; a second call changes nothing; undone', async () => {
    const file = join(sandbox.folder, 'hosts');
    await writeFile(file, '127.0.0.1 localhost\n10.0.0.9 forge\n');
    const { stdout } = await vmkit(['tailnet', 'hosts', '--file', file]);
    expect(stdout).toContain('has 2 nodes of the tailnet');
    expect(stdout).toContain('forge stays as you wrote it: `10.0.0.9 forge`');
    const written = await readFile(file, 'utf8');
    const address = (await forge?.tailscale('ip', '-4'))?.trim();
    expect(written).toContain(`${address}\tforge.tailnet.test\n`);
    expect(written).toMatch(/^fd7a:.*\tsandbox\.tailnet\.test sandbox$/m);
    expect((await vmkit(['tailnet', 'hosts', '--file', file])).stdout).toContain('had 2 nodes');
    await vmkit(['tailnet', 'hosts', '--file', file, '--remove']);
    expect(await readFile(file, 'utf8')).toBe('127.0.0.1 localhost\n10.0.0.9 forge\n');
  });

  test('hosts --watch writes what somebody took out, and ends with a signal', async () => {
    const file = join(sandbox.folder, 'watched');
    await writeFile(file, '127.0.0.1 localhost\n');
    const has = (): Promise<true | undefined> =>
      readFile(file, 'utf8').then((text) => (text.includes('forge.tailnet.test') ? true : undefined));
    const env = { PATH: searched() };
    const { process: watch, ended } = sandbox.start(['tailnet', 'hosts', '--file', file, '--watch'], { env });
    expect(await poll(has, { withinMs: 30_000 })).toBe(true);
    await writeFile(file, '127.0.0.1 localhost\n');
    expect(await poll(has, { withinMs: 30_000 })).toBe(true);
    watch.kill('SIGTERM');
    expect((await ended).exitCode).toBe(0);
  });

  test('inventory: where the system routes the tailnet, ssh dials by itself', async () => {
    // As the unit of `vmkit tailnet service` has it: what follows is the proof that no more is needed.
    const member = { ...programs, namespace: tailnet.host, hostname: 'router', isTun: true, hasFewRights: true };
    router = await tailnet.join(member);
    const rights = (await readFile(`/proc/${router.pid}/status`, 'utf8')).match(/^(Uid|Cap(Eff|Bnd)):.*$/gm);
    expect(rights?.map((line) => line.replace(/\s+/g, ' '))).toEqual([
      'Uid: 61238 61238 61238 61238',
      'CapEff: 0000000000003000',
      'CapBnd: 0000000000003000',
    ]);
    await writeFile(config(), await writeInventory());
    expect(await readFile(config(), 'utf8')).not.toContain('ProxyCommand');
    await sshWorks();
    const ansible = await findAnsible();
    if (ansible !== undefined) await ansiblePings(ansible);
  });

  test('watch: a tailscaled that works is left alone; one that hangs ends it, while its control server answers', async () => {
    const { bin = '', pid = 0 } = router ?? {};
    const socket = /--socket=(\S+)/.exec(await readFile(join(bin, 'tailscale'), 'utf8'))?.[1] ?? '';
    const env = { PATH: searched() };
    const watching = sandbox.start(['tailnet', 'watch', '--socket', socket, '--patience', '6s'], { env });
    let said = '';
    watching.process.stderr?.on('data', (text) => (said += String(text)));
    await expect.poll(() => said, { timeout: 60_000 }).toContain('it has its control server');
    process.kill(pid, 'SIGSTOP');
    const { exitCode, stderr } = await watching.ended.finally(() => process.kill(pid, 'SIGCONT'));
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/is stuck for \d+ s: it did not answer(.|\n)*restart tailscaled/);
  });

  test('try: each way is measured, from what needs least, and what it started is gone', async () => {
    const env = {
      VMKIT_TAILSCALE: programs.tailscale,
      VMKIT_TAILSCALED: programs.tailscaled,
      TS_AUTHKEY: 'tskey-for-tests',
    };
    const running = async () => (await execa('ip', ['netns', 'pids', tailnet.host])).stdout;
    const before = await running();
    const { stdout, stderr } = await vmkit(['tailnet', 'try', `--login-server=${tailnet.loginServer}`, '--json'], env);
    const tried: TriedWays = JSON.parse(stdout === '' ? '{}' : stdout);
    expect(tried.left, stderr).toEqual([]);
    const own = (await router?.tailscale('ip', '-4'))?.trim();
    expect(tried.measured.map(({ way, sees }) => [way, sees === '127.0.0.1' ? sees : 'the client'])).toEqual([
      ['none: this computer itself', '127.0.0.1'],
      ['userspace (SOCKS5) to userspace', '127.0.0.1'],
      ['userspace (SOCKS5) to `serve`', '127.0.0.1'],
      ['TUN to userspace', '127.0.0.1'],
      ['userspace (SOCKS5) to TUN', 'the client'],
    ]);
    expect(tried.measured.at(-1)?.sees).not.toBe(own);
    for (const { megabytesPerSecond } of tried.measured) expect(megabytesPerSecond).toBeGreaterThan(0);
    expect(await running()).toBe(before);
    console.info(tried.measured.map((each) => JSON.stringify(each)).join('\n'));
  });

  const findings = async (): Promise<readonly string[]> => {
    const { stdout, stderr } = await vmkit(['tailnet', 'doctor', '--json']);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout).findings.map(({ cause }: { cause: string }) => cause);
  };
  const ip = async (...words: string[]): Promise<void> => {
    const { exitCode, stderr } = await inHost(['ip', ...words]);
    if (exitCode !== 0) throw new Error(stderr);
  };

  // The name server of the tailnet is not asked there (accept-dns=false).
  const always = ['names-not-asked'];

  test('doctor: a host where all is well but its names', async () => {
    expect(await findings()).toEqual(always);
  });

  test.skipIf(!isAll)(
    'doctor: faults of the host are named while they are there, and only then',
    { timeout: 180_000 },
    async () => {
      await ip('rule', 'del', 'pref', '0');
      await netfilter('off');
      await setRoutes('192.168.77.0/24');
      await inHost(['sysctl', '-w', 'net.ipv4.ip_forward=0']);
      await tailnet.control({ Do: 'away', What: 'control', Away: true });
      const faults = ['local-rule-moved', 'netfilter-off', 'ip-forward-off', 'control-unreachable'];
      expect(await findings()).toEqual(expect.arrayContaining(faults));
      await tailnet.control({ Do: 'away', What: 'control', Away: false });
      await setRoutes('');
      await netfilter('on');
      await ip('rule', 'add', 'pref', '0', 'lookup', 'local');
      expect(await findings()).toEqual(always);
    },
  );

  const netfilter = async (mode: string): Promise<void> =>
    void (await router?.tailscale('set', `--netfilter-mode=${mode}`));
  const setRoutes = async (routes: string): Promise<void> =>
    void (await router?.tailscale('set', `--advertise-routes=${routes}`));

  test('join, as an ordinary user without TUN: verified, git clone through it, a forward, and leave', async () => {
    const home = join(sandbox.folder, 'user');
    const server = await gitServer(tailnet.peer, sandbox.folder);
    children.push(server);
    const user = await userIn(home);
    expect((await user.run(['unshare', '-U', 'true'])).exitCode).not.toBe(0);
    const begun = performance.now();
    const key = { TS_AUTHKEY: 'tskey-for-tests' };
    const joined = await user.vmkit(
      ['tailnet', 'join', '--userspace', `--login-server=${tailnet.loginServer}`, '--hostname=ci', `--check=${url}`],
      key,
    );
    expect(joined).toMatchObject({ exitCode: 0, stderr: '' });
    expect(joined.stdout).toContain('ci joined, 100.64.');
    expect(joined.stdout.match(/^ {2}ok /gm)).toHaveLength(4);
    const clone = await user.vmkit(['tailnet', 'run', '--', 'git', 'clone', '-q', url, join(home, 'clone')]);
    expect(clone).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await readFile(join(home, 'clone', 'page'), 'utf8')).toBe('hello\n');
    const forwarded = 'exec 3<>/dev/tcp/127.0.0.1/13022; read -r -t 20 line <&3; echo "$line"';
    const forward = ['tailnet', 'run', '--forward', '13022:forge:22', '--', 'bash', '-c', forwarded];
    expect((await user.vmkit(forward)).stdout).toContain('SSH-2.0');
    const left = await user.vmkit(['tailnet', 'leave']);
    expect(left).toMatchObject({ exitCode: 0, stdout: 'ci left the tailnet; its state is gone.\n' });
    console.info(`join, verify, clone, forward, leave: ${Math.round(performance.now() - begun)} ms`);
    expect(existsSync(join(home, '.local', 'state', 'vmkit', 'tailnet'))).toBe(false);
    expect(await user.processes()).toEqual([]);
  });

  test('join, run and leave where there is busybox alone: no tar, no git, and no C library that others link to', async () => {
    const root = await scratchRoot(join(sandbox.folder, 'scratch'), sandbox.program);
    const user = await userIn(join(root.folder, 'home'), root);
    const words = [`--login-server=${tailnet.loginServer}`, '--hostname=small', `--check=${url}`];
    const joined = await user.vmkit(['tailnet', 'join', '--userspace', ...words], { TS_AUTHKEY: 'tskey-for-tests' });
    expect(joined).toMatchObject({ exitCode: 0, stderr: '' });
    expect(joined.stdout).toContain(`by HTTP, since there is no git here`);
    const fetched = await user.vmkit(['tailnet', 'run', '--', 'wget', '-q', '-O', '-', `${url}/HEAD`]);
    expect(fetched).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('ref: refs/heads/') });
    expect((await user.vmkit(['tailnet', 'leave'])).stdout).toBe('small left the tailnet; its state is gone.\n');
    expect(await user.processes()).toEqual([]);
  });

  test('join twice is one node; a wrong key leaves nothing; a kept node comes back without a key; one line at login', async () => {
    const home = join(sandbox.folder, 'user2');
    const user = await userIn(home);
    const words = [
      'tailnet',
      'join',
      '--userspace',
      `--login-server=${tailnet.loginServer}`,
      '--hostname=kept',
      '--keep',
    ];
    const refused = await user.vmkit(words, { TS_AUTHKEY: 'tskey-wrong' });
    expect(refused).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('invalid authkey') });
    expect(refused.stderr).not.toContain('tskey-wrong');
    expect(await user.processes()).toEqual([]);
    const first = await user.vmkit([...words, '--profile', '--json'], { TS_AUTHKEY: 'tskey-for-tests' });
    expect(first.exitCode, first.stderr).toBe(0);
    const again = await user.vmkit([...words, '--profile', '--json']);
    const node = JSON.parse(first.stdout);
    expect(JSON.parse(again.stdout)).toMatchObject({ pid: node.pid, isNew: false });
    expect((await readFile(join(home, '.profile'), 'utf8')).split('\n')).toHaveLength(2);
    await tailnet.control({ Do: 'key', Key: '' });
    process.kill(node.pid, 'SIGKILL');
    const back = await user.vmkit([...words, '--json']);
    expect(JSON.parse(back.stdout)).toMatchObject({ address: node.address, isNew: true });
    expect(await user.vmkit(['tailnet', 'run', '--', 'sh', '-c', 'echo $ALL_PROXY; exit 7'])).toMatchObject({
      exitCode: 7,
      stdout: expect.stringMatching(/^socks5h:\/\/127/),
    });
    expect((await user.vmkit(['tailnet', 'leave'])).stdout).toContain('Its line in ~/.profile is taken out.');
    expect(await readFile(join(home, '.profile'), 'utf8')).toBe('');
    expect((await user.vmkit(['tailnet', 'run', '--', 'true'])).stderr).toContain('vmkit tailnet join --userspace');
  });

  /** In the namespace of the host. */
  async function userIn(home: string, root?: ScratchRoot): Promise<OrdinaryUser> {
    const place = { namespace: tailnet.host, home, program: sandbox.program, ...programs };
    const user = await ordinaryUser(root === undefined ? place : { ...place, root });
    onTestFinished(async () => void (await user.vmkit(['tailnet', 'leave'])));
    return user;
  }

  /** A server of ssh in a namespace that has the keys of a machine of vmkit's, called `forge`. */
  async function sshdOf(namespace: string, folder: string): Promise<ChildProcess> {
    const { secretsDir } = machinePaths(sandbox.paths, 'forge');
    const { hostKey, clientPublicKey } = await ensureSshKeys(secretsDir, localHost());
    await mkdir('/run/sshd', { recursive: true });
    await writeFile(join(folder, 'host_key'), hostKey, { mode: 0o600 });
    await writeFile(join(folder, 'authorized'), `${clientPublicKey}\n`);
    const sshd = findProgram('sshd', [...searchPath(process.env['PATH'] ?? ''), '/usr/sbin']) ?? 'sshd';
    const options = [`HostKey=${folder}/host_key`, `AuthorizedKeysFile=${folder}/authorized`, 'StrictModes=no'];
    const words = [...options, 'UsePAM=no', 'PidFile=none'].flatMap((option) => ['-o', option]);
    const child = spawn('ip', ['netns', 'exec', namespace, sshd, '-D', '-e', '-f', '/dev/null', ...words]);
    await once(child.stderr, 'data');
    return child;
  }
});

/** A repository that a web server has, at its tailnet name. */
async function gitServer(namespace: string, folder: string): Promise<ChildProcess> {
  const www = await gitRepository(folder);
  const server = spawn('ip', ['netns', 'exec', namespace, 'python3', '-u', '-m', 'http.server', '3000', '-d', www]);
  await Promise.race([
    once(server.stdout, 'data'),
    once(server, 'close').then(() => Promise.reject(new Error('it ended'))),
  ]);
  return server;
}

/** Ansible is Python's: with VMKIT_TEST_ALL=1 it is installed once, below the cache. */
async function findAnsible(): Promise<string | undefined> {
  const folder = join(resolvePaths().cache, 'tests', 'ansible');
  const program = join(folder, 'bin', 'ansible');
  if (!existsSync(program) && isAll) {
    await execa('python3', ['-m', 'venv', folder]);
    await execa(join(folder, 'bin', 'pip'), ['install', '--quiet', 'ansible-core']);
  }
  return existsSync(program) ? program : undefined;
}
