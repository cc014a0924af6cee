import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type MachinePaths, machinePaths } from '../../src/core/paths.ts';
import { hostFrom, type Place } from '../../src/host/host-from.ts';
import { localHost } from '../../src/host/local/local.ts';
import { readIdentity } from '../../src/machine/disks/identity.ts';
import { readPowerRecord } from '../../src/machine/state/state.ts';
import { freePort } from '../../src/net/tcp.ts';
import { readMoving } from '../../src/verbs/move/moving.ts';
import { dice } from '../support/dice.ts';
import { useSandbox } from '../support/machine.ts';
import { helloSaying } from '../support/over-ssh.ts';
import { MACHINE_PROGRAMS, type Sshd, startSshd } from '../support/sshd.ts';

const ROUNDS = process.env['VMKIT_TEST_ALL'] === undefined ? 2 : 20;
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot).sequential('a machine moves to a host behind ssh, and back', () => {
  const sandbox = useSandbox();
  const seed = Number(process.env['VMKIT_TEST_SEED'] ?? Date.now() % 1_000_000);
  const { int } = dice(seed);
  let sshd: Sshd;
  let there: Place;
  let isHere = true;

  beforeAll(async () => {
    console.log(`VMKIT_TEST_SEED=${seed}`);
    sshd = await startSshd('coreutils', [], [...MACHINE_PROGRAMS, 'tar', 'zstd']);
    vi.stubEnv('PATH', `${sshd.bin}:${process.env['PATH']}`);
    vi.stubEnv('XDG_RUNTIME_DIR', sshd.folder);
    const host = hostFrom(sshd.url());
    there = { host, paths: (await host.place()).paths };
    await sandbox.define('hello', helloSaying('Hello!', await freePort()));
    expect((await sandbox.vmkit(['boot', 'hello'])).exitCode).toBe(0);
    expect((await inside('echo mine >/data/mine')).exitCode).toBe(0);
    expect((await sandbox.vmkit(['stop', 'hello'])).exitCode).toBe(0);
    expect((await sandbox.vmkit(['snapshot', 'hello'])).exitCode).toBe(0);
    expect((await sandbox.vmkit(['boot', 'hello'])).exitCode).toBe(0);
  });
  afterAll(async () => {
    const running = await readPowerRecord(machinePaths(there.paths, 'hello'), there);
    if (running !== undefined) await there.host.signal(running, 'SIGKILL');
    vi.unstubAllEnvs();
    await sshd.stop();
  });

  const at = (): string[] => (isHere ? [] : ['--host', sshd.url()]);
  const inside = (script: string) => sandbox.vmkit(['exec', 'hello', ...at(), '--', 'sh', '-c', script]);
  const move = (): string[] => ['move', 'hello', ...at(), '--to', isHere ? sshd.url() : 'here'];
  const places = (): readonly (Place & { readonly own: MachinePaths })[] => [
    { host: localHost(), paths: sandbox.paths, own: sandbox.machine('hello') },
    { ...there, own: machinePaths(there.paths, 'hello') },
  ];

  /** Where it runs, and where it may be booted: never at two places. Where it is: never at none. */
  const look = async () => {
    const found = { runs: 0, mayBoot: 0, is: 0 };
    for (const { host, own } of places()) {
      const record = await readPowerRecord(own, { host });
      if (record !== undefined && (await host.isRunning(record))) found.runs++;
      if ((await readIdentity(own.identityFile, host)) === undefined) continue;
      found.is++;
      if ((await readMoving(own, host)) === undefined) found.mayBoot++;
    }
    return found;
  };

  const arrives = async (): Promise<void> => {
    const moved = await sandbox.vmkit(move());
    expect(moved.exitCode, moved.stderr).toBe(0);
    isHere = !isHere;
    expect((await inside('cat /data/mine')).stdout).toBe('mine\n');
    expect(await look()).toEqual({ runs: 1, mayBoot: 1, is: 1 });
  };

  test('with its data and its snapshots, and is gone where it was', async () => {
    await arrives();
    expect((await sandbox.vmkit(['snapshots', 'hello', ...at()])).stdout).toContain('while it was off');
    expect(await sandbox.json(['ls'])).toEqual([]);
  });

  test('cut off at any moment, the same command goes on: it is never at two places, and never at none', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const cut = sandbox.start(move());
      await sleep(int(20_000));
      if (round % 2 === 0) cut.process.kill('SIGKILL');
      else sshd.cutConnections();
      const { exitCode, stderr } = await cut.ended;
      // It was faster, or the connection was not needed any more.
      if (exitCode === 0) {
        isHere = !isHere;
        continue;
      }
      const { runs, mayBoot, is } = await look();
      expect({ runs: runs <= 1, mayBoot: mayBoot <= 1, is: is >= 1 }, stderr).toEqual({
        runs: true,
        mayBoot: true,
        is: true,
      });
      await arrives();
    }
  });

  test('comes back where it does not get ready there', async () => {
    if (!isHere) await arrives();
    await sandbox.define(
      'hello',
      helloSaying('Hello!', await freePort())
        .replace('http://127.0.0.1:8000/', 'http://127.0.0.1:9/')
        .replace('ready: {', 'ready: { within: 3s,'),
    );
    const moved = await sandbox.vmkit([...move(), '--json']);
    expect(moved.exitCode).toBe(5);
    expect(moved.stderr).toContain('"move-failed"');
    expect(await look()).toMatchObject({ mayBoot: 1, is: 1 });
    expect(await readIdentity(machinePaths(there.paths, 'hello').identityFile, there.host)).toBeUndefined();
  });
});
