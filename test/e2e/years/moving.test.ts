import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type MachinePaths, machinePaths } from '../../../src/core/paths.ts';
import { hostFrom, type Place } from '../../../src/host/host-from.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { readIdentity } from '../../../src/machine/disks/identity.ts';
import { readPowerRecord } from '../../../src/machine/state/state.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { readMoving } from '../../../src/verbs/move/moving.ts';
import { MACHINE_PROGRAMS, type Sshd, startSshd } from '../../support/hosts/sshd.ts';
import { useSandbox } from '../../support/machine.ts';
import { dice, SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';
import { monitorStandIn, notes, versionsAt } from '../../support/stand-ins/monitor-stand-in.ts';

const isRoot = process.getuid?.() === 0;

/** With the stand-in, and where all is asked for with guests. */
describe
  .skipIf(!isRoot)
  .each([...(isAll ? [{ monitor: 'QEMU', rounds: 4 }] : []), { monitor: 'a stand-in', rounds: isAll ? 40 : 2 }])(
  'a machine moves to a host behind ssh, and back, by $monitor',
  ({ monitor, rounds }) => {
    const sandbox = useSandbox();
    const { int } = dice(SEED);
    let sshd: Sshd;
    let there: Place;
    let isHere = true;
    let port = 0;
    let standIn: string | undefined;
    let moveMs = 0;

    beforeAll(async () => {
      console.log(`VMKIT_TEST_SEED=${SEED}`);
      sshd = await startSshd('coreutils', [], [...MACHINE_PROGRAMS, 'tar', 'zstd']);
      vi.stubEnv('PATH', `${sshd.bin}:${process.env['PATH']}`);
      if (monitor !== 'QEMU') {
        standIn = await monitorStandIn();
        vi.stubEnv('PATH', `${standIn}:${process.env['PATH']}`);
        await rm(join(sshd.path, 'qemu-system-x86_64'));
        await symlink(join(standIn, 'qemu-system-x86_64'), join(sshd.path, 'qemu-system-x86_64'));
      }
      vi.stubEnv('XDG_RUNTIME_DIR', sshd.folder);
      const host = hostFrom(sshd.url());
      there = { host, paths: (await host.place()).paths };
      port = await freePort();
      await sandbox.define('notes', notes('one', port));
      await succeed('boot', 'notes');
      await succeed('stop', 'notes');
      await succeed('snapshot', 'notes');
      await succeed('boot', 'notes');
    });
    afterAll(async () => {
      const running = await readPowerRecord(machinePaths(there.paths, 'notes'), there);
      if (running !== undefined) await there.host.signal(running, 'SIGKILL');
      vi.unstubAllEnvs();
      await sshd.stop();
      if (standIn !== undefined) await rm(standIn, { recursive: true });
    });

    const succeed = async (...args: string[]): Promise<void> => {
      const { exitCode, stderr } = await sandbox.vmkit(args);
      expect(exitCode, stderr).toBe(0);
    };
    const at = (): string[] => (isHere ? [] : ['--host', sshd.url()]);
    const move = (): string[] => ['move', 'notes', ...at(), '--to', isHere ? sshd.url() : 'here'];
    const places = (): readonly (Place & { readonly own: MachinePaths })[] => [
      { host: localHost(), paths: sandbox.paths, own: sandbox.machine('notes') },
      { ...there, own: machinePaths(there.paths, 'notes') },
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
      const started = performance.now();
      await succeed(...move());
      moveMs = performance.now() - started;
      isHere = !isHere;
      expect(await versionsAt(port)).toEqual(['one']);
      expect(await look()).toEqual({ runs: 1, mayBoot: 1, is: 1 });
    };

    test('with its data and its snapshots, and is gone where it was', async () => {
      await arrives();
      expect((await sandbox.vmkit(['snapshots', 'notes', ...at()])).stdout).toContain('while it was off');
      expect(await sandbox.json(['ls'])).toEqual([]);
    });

    test('cut off at any moment, the same command goes on: it is never at two places, and never at none', async () => {
      for (let round = 0; round < rounds; round++) {
        const cut = sandbox.start(move());
        await sleep(int(Math.round(moveMs)));
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

    test.skipIf(monitor === 'QEMU')('comes back where it does not get ready there', async () => {
      if (!isHere) await arrives();
      await sandbox.define('notes', notes('one', port, { isBroken: 'there' }));
      const moved = await sandbox.vmkit([...move(), '--json']);
      expect(moved.exitCode).toBe(5);
      expect(moved.stderr).toContain('"move-failed"');
      expect(await look()).toEqual({ runs: 1, mayBoot: 1, is: 1 });
      expect(await readIdentity(machinePaths(there.paths, 'notes').identityFile, there.host)).toBeUndefined();
    });
  },
);
