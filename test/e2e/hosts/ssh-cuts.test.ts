import { readdir, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { type MachinePaths, machinePaths } from '../../../src/core/paths.ts';
import { hostFrom, type Place } from '../../../src/host/host-from.ts';
import { runProcess } from '../../../src/host/local/process/process.ts';
import { readPowerRecord } from '../../../src/machine/state/state.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { errorOf, helloSaying, says } from '../../support/hosts/over-ssh.ts';
import { MACHINE_PROGRAMS, type Sshd, startSshd, TEST_UID } from '../../support/hosts/sshd.ts';
import { type Ended, type Running, useSandbox } from '../../support/machine.ts';
import { SEED } from '../../support/run/dice.ts';
import { sampled } from '../../support/run/sampled.ts';

const sandbox = useSandbox();
const isRoot = process.getuid?.() === 0;

/** What QEMU says of itself and of its processors within two seconds. */
async function asked(controlSocket: string): Promise<string> {
  const registers = { execute: 'human-monitor-command', arguments: { 'command-line': 'info registers -a' } };
  const orders = [{ execute: 'qmp_capabilities' }, { execute: 'query-status' }, registers];
  let said = '';
  const socket = connect(controlSocket, () => socket.write(orders.map((order) => JSON.stringify(order)).join('\n')));
  socket.on('data', (bytes) => (said += bytes)).on('error', (error) => (said += String(error)));
  await sleep(2_000);
  socket.destroy();
  return said;
}

/** Milliseconds below `most`: others in each run. */
const delays = (function* (): Generator<number, never> {
  for (let number = 1; ; number += 1) yield ((SEED + 1) * (number + 7) * 7_919) % 1_000;
})();
const someOf = (most: number): Promise<void> => sleep((delays.next().value * most) / 1_000);

describe.skipIf(!isRoot)(`a connection that is lost while a verb works (VMKIT_TEST_SEED=${SEED})`, () => {
  let sshd: Sshd;
  let there: Place;
  let paths: MachinePaths;
  const on = (...args: string[]): string[] => [...args, '--host', sshd.url(), '--json'];

  beforeAll(async () => {
    sshd = await startSshd('coreutils', [], MACHINE_PROGRAMS);
    vi.stubEnv('PATH', `${sshd.bin}:${process.env['PATH']}`);
    vi.stubEnv('XDG_RUNTIME_DIR', sshd.folder);
    const host = hostFrom(sshd.url());
    there = { host, paths: (await host.place()).paths };
    paths = machinePaths(there.paths, 'hello');
    await sandbox.define('hello', helloSaying('Hello!', await freePort()));
  });
  const killed = async (): Promise<void> => {
    const running = await readPowerRecord(paths, there);
    if (running !== undefined) await there.host.signal(running, 'SIGKILL');
  };
  // One machine that hangs fails one test.
  beforeEach(killed);
  afterAll(async () => {
    await killed();
    vi.unstubAllEnvs();
    await sshd.stop();
  });

  /** Cuts once the verb has said this, and a while more; then waits for its end. */
  const cut = async (verb: Running, after: RegExp | undefined, mostMs: number): Promise<Ended> => {
    if (after !== undefined) await says(verb.process, after);
    await someOf(mostMs);
    sshd.cutConnections();
    const ended = await verb.ended;
    if (ended.exitCode !== 0) {
      expect(errorOf(ended)).toMatchObject({ kind: 'unreachable', code: expect.stringMatching(/^ssh-/) });
    }
    await requireTidy();
    return ended;
  };

  /** Nothing is half done, whatever was cut. */
  const requireTidy = async (): Promise<void> => {
    const { stdout } = await runProcess(['pgrep', '-u', String(TEST_UID), '^qemu-system']);
    const folders = stdout.split('\n').map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => ''));
    const machines = (await Promise.all(folders)).filter((folder) => folder.startsWith(sshd.home));
    expect(machines.length).toBeLessThanOrEqual(1);
    const sent = join(there.paths.cache, 'files');
    for (const name of (await readdir(sent).catch(() => [])).filter((each) => !each.endsWith('.part'))) {
      expect(sha256((await there.host.read(join(sent, name))) ?? new Uint8Array())).toBe(name);
    }
    // The processes there end when they see that nobody speaks to them any more.
    const isTidy = async (): Promise<true | undefined> => {
      const left = [...(await readdir('/dev/shm')), ...(await readdir(sshd.home, { recursive: true }))];
      return left.some((name) => /vmkit-secrets|\.tmp$/.test(name)) ? undefined : true;
    };
    expect(await poll(isTidy, { withinMs: 10_000 })).toBe(true);
    await (await there.host.lock(paths.lock, 'a test', { withinMs: 10_000 })).release();
  };

  const boot = (): Running => sandbox.start(on('boot', 'hello'));
  const stop = (): Running => sandbox.start(on('stop', 'hello'));
  const must = async ({ ended }: Running): Promise<void> => {
    const { exitCode, stderr } = await ended;
    expect(exitCode, exitCode === 0 ? '' : `${stderr}\n${await evidence()}`).toBe(0);
  };
  /** What runs there, and where what it says goes. */
  const evidence = async (): Promise<string> => {
    const pid = (await readPowerRecord(paths, there))?.pid ?? 0;
    const script = `ps -u ${TEST_UID} -o pid,ppid,stat,wchan:20,time,args | cut -c 1-150
      cat /proc/${pid}/stat /proc/${pid}/task/*/wchan; ls -l /proc/${pid}/fd; ls -lni ${paths.stateDir} ${paths.runDir}
      head -c 2000 ${paths.monitorLog}`;
    return `${(await runProcess(['sh', '-c', `(${script}) 2>&1`])).stdout}\n${await asked(paths.controlSocket)}`;
  };

  test('a push loses nothing', async () => {
    for (const mostMs of sampled([200, 600, 1_200], 2)) {
      await there.host.remove(join(there.paths.cache, 'files'));
      await cut(boot(), /sends /, mostMs);
      await must(stop());
    }
  });

  test('a boot loses nothing: the next one goes on with what runs there', async () => {
    for (const mostMs of sampled([300, 1_000, 3_000, 6_000], 2)) {
      await cut(boot(), /starts QEMU/, mostMs);
      const running = await readPowerRecord(paths, there);
      const wasRunning = running !== undefined && (await there.host.isRunning(running));
      await must(boot());
      if (wasRunning) expect(await sandbox.json(on('status', 'hello'))).toMatchObject({ pid: running.pid });
      await must(stop());
    }
  });

  test('a stop loses nothing', async () => {
    for (const mostMs of sampled([100, 800, 2_000], 1)) {
      await must(boot());
      await cut(stop(), /asks the guest/, mostMs);
      await must(stop());
      expect(await sandbox.json(on('status', 'hello'))).toMatchObject({ condition: 'off' });
    }
  });

  test('Ctrl-C ends a boot whose host is silent, and says what may run on there', async () => {
    const booting = boot();
    await says(booting.process, /boot hello: init/);
    sshd.signalConnections('SIGSTOP');
    await sleep(200);
    booting.process.kill('SIGINT');
    const { exitCode, stderr } = await booting.ended;
    sshd.signalConnections('SIGCONT');
    expect(exitCode, stderr).toBe(130);
    expect(errorOf({ stderr })).toMatchObject({
      message: expect.stringContaining('may run on'),
      hint: `vmkit --host ${sshd.url()} stop hello`,
    });
    await must(stop());
    await requireTidy();
  });
});
