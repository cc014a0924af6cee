import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import { machineStatus } from '../../src/machine/follow/status.ts';
import { withMachine } from '../../src/machine/state/machine-lock.ts';
import { requireNothingRuns, requireOff, requireRunning } from '../../src/machine/state/running.ts';
import { suspendedFiles } from '../../src/machine/state/suspended.ts';
import { lastUptime } from '../../src/machine/suspend/clock.ts';
import { whyNotResumable } from '../../src/machine/suspend/resume.ts';
import { settleSuspend } from '../../src/machine/suspend/settle.ts';
import { resumeArgv } from '../../src/machine/vmm/qemu/memory.ts';
import { receiveScript } from '../../src/machine/vmm/qemu/receive-memory.ts';
import { contextIn } from '../support/context.ts';
import { runningStandIn } from '../support/stand-ins/qemu-stand-in.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

test('what a guest said last, whatever else is in its log', () => {
  expect(lastUptime('')).toBe(0);
  expect(lastUptime('{"event":"booted","uptime":4.5}\nnoise\n{"event":"clock","uptime":9.1,"forward":3}\n{"eve')).toBe(
    9.1,
  );
});

test('the same command, held back, from a descriptor', () => {
  expect(resumeArgv(['qemu', '-m', '1M'], 12)).toEqual(['qemu', '-m', '1M', '-S', '-incoming', 'fd:12']);
});

describe('the program that takes the memory', () => {
  async function receive(
    bytes: number,
    limit: number,
  ): Promise<{ exitCode: number | undefined; stderr: string; file: string }> {
    const folder = await temporaryFolder();
    const file = join(folder, 'memory');
    const program = execa('perl', ['-e', receiveScript(), folder, 'memory.sock', file, String(limit)], {
      reject: false,
    });
    expect(
      await poll(async () => ((await isThere(join(folder, 'memory.sock'))) ? true : undefined), { withinMs: 30_000 }),
    ).toBe(true);
    const socket = createConnection(join(folder, 'memory.sock'));
    socket.on('error', () => undefined);
    socket.end(Buffer.alloc(bytes, 7));
    await finished(socket).catch(() => undefined);
    const { exitCode, stderr } = await program;
    return { exitCode, stderr, file };
  }

  test('writes all of it into a new file of ours alone', async () => {
    const { exitCode, file } = await receive(3_000_001, 4_000_000);
    expect(exitCode).toBe(0);
    expect((await readFile(file)).equals(Buffer.alloc(3_000_001, 7))).toBe(true);
    expect((await execa('stat', ['-c', '%a', file])).stdout).toBe('600');
  });

  test('takes no more than a machine has, whoever sends it', async () => {
    const { exitCode, stderr } = await receive(3_000_001, 2_000_000);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("larger than the machine's memory");
  });
});

describe('what a killed suspend or resume left', () => {
  test.each([
    ['postmigrate', 'suspendingDir'],
    ['paused', 'suspendingDir'],
    ['paused', 'suspendedDir'],
    ['postmigrate', 'suspendedDir'],
    ['paused', 'resumedDir'],
  ] as const)(
    'a guest that is %s, with its %s: it goes on, and no memory is left to be taken',
    async (status, folder) => {
      const { context, paths, state, told } = await runningStandIn('obeys', status);
      await mkdir(paths[folder], { recursive: true });
      await writeFile(suspendedFiles(paths[folder]).memory, 'memory');
      await withMachine('sql', 'test', context, (machine) => settleSuspend(state, machine, context));
      expect((await readFile(told, 'utf8')).split('\n')).toContain('cont');
      for (const each of ['suspendingDir', 'suspendedDir'] as const) expect(await isThere(paths[each])).toBe(false);
      expect(await isThere(suspendedFiles(paths.resumedDir).memory)).toBe(false);
    },
  );

  test("a guest that somebody paused by hand is nobody else's matter", async () => {
    const { context, state, told } = await runningStandIn('obeys', 'paused');
    await withMachine('sql', 'test', context, (machine) => settleSuspend(state, machine, context));
    expect(await readFile(told, 'utf8')).toBe('');
  });

  test('a monitor that is gone may have gone on: what it was resumed from is no memory any more, what counts stays', async () => {
    const context = contextIn(await temporaryFolder());
    await withMachine('sql', 'test', context, async (machine) => {
      const { suspendingDir, suspendedDir, resumedDir } = machine.paths;
      for (const folder of [suspendingDir, suspendedDir, resumedDir]) await mkdir(folder, { recursive: true });
      await settleSuspend(undefined, machine, context);
      expect(await Promise.all([suspendingDir, suspendedDir, resumedDir].map(isThere))).toEqual([false, true, false]);
    });
  });
});

test('a suspended machine: told, kept from who changes its disk, and free to be deleted; a damaged record is no way on', async () => {
  const context = contextIn(await temporaryFolder());
  await withMachine('sql', 'test', context, async (machine) => {
    await mkdir(machine.paths.suspendedDir, { recursive: true });
    await writeFile(suspendedFiles(machine.paths.suspendedDir).record, '{"version":1}');
    expect(await machineStatus('sql', context)).toMatchObject({ condition: 'suspended' });
    await expect(requireOff(machine, context)).rejects.toMatchObject({ code: 'machine-suspended' });
    await expect(requireRunning('sql', context)).rejects.toMatchObject({ code: 'machine-suspended' });
    await requireNothingRuns(machine, context);
    expect(await whyNotResumable(machine.paths, context)).toContain('record');
  });
});
