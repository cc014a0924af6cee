import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { machinePaths } from '../../../src/core/paths.ts';
import type { HostProcess } from '../../../src/host/host.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { endProcess, startInBackground } from '../../../src/host/local/process/background.ts';
import { withMachine } from '../../../src/machine/state/machine-lock.ts';
import { findRunning, requireOff } from '../../../src/machine/state/running.ts';
import { clearState, type MachineState } from '../../../src/machine/state/state.ts';
import { machineName } from '../../../src/verbs/machine-name.ts';
import { contextIn } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const started: HostProcess[] = [];
const holders: ChildProcess[] = [];
afterEach(() => {
  for (const each of started.splice(0)) endProcess(each, 'SIGKILL');
  for (const each of holders.splice(0)) each.kill('SIGKILL');
});

const rest: Omit<MachineState, 'pid' | 'startTime'> = {
  version: 1,
  name: 'sql',
  vmm: 'qemu',
  startedAt: '2026-01-02T03:04:05.000Z',
  accelerator: { name: 'tcg', reason: 'a stand-in' },
  cpus: 1,
  memoryMib: 256,
  services: [],
  ports: [],
  sshPort: 22,
  needs: [],
  network: { kind: 'user', world: 'internet', hostAccess: [] },
  tells: [],
  artifacts: {},
};

/** A machine with a process in QEMU's place, and what its two files say. */
async function machineOf(
  files: (state: MachineState, stateDir: string) => { power?: object | string; state?: object | string },
) {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const paths = machinePaths(context.paths, 'sql');
  const process = await startInBackground(['sleep', '600'], { logFile: join(folder, 'log') });
  started.push(process);
  for (const each of [paths.stateDir, paths.dataDir]) await mkdir(each, { recursive: true });
  const { power, state } = files({ ...rest, ...process }, paths.stateDir);
  const text = (content: object | string): string => (typeof content === 'string' ? content : JSON.stringify(content));
  if (power !== undefined) await writeFile(paths.powerLock, text(power));
  if (state !== undefined) await writeFile(paths.stateFile, text(state));
  const off = (): Promise<void> => withMachine('sql', 'a test', context, (machine) => requireOff(machine, context));
  return { context, paths, process, off };
}

/** Holds a lock as QEMU does, until the test has ended. */
async function hold(path: string): Promise<void> {
  const holder = spawn('flock', ['--no-fork', path, 'sh', '-c', 'echo held; exec sleep 600']);
  holders.push(holder);
  if (holder.stdout !== null) await once(holder.stdout, 'data');
}

describe('a machine runs', () => {
  test.each([
    ['by both files', (state: MachineState, stateDir: string) => ({ power: { ...state, stateDir }, state })],
    [
      'by what QEMU holds alone',
      (state: MachineState, stateDir: string) => ({ power: { ...state, stateDir }, state: '{"ver' }),
    ],
    ['by state.json alone', (state: MachineState) => ({ power: '{"pid":', state })],
    [
      "though state.json is another machine's",
      (state: MachineState, stateDir: string) => ({ power: { ...state, stateDir }, state: { ...state, name: 'web' } }),
    ],
  ])('%s', async (_how, files) => {
    const { context, process, off } = await machineOf(files);
    expect(await findRunning('sql', context)).toMatchObject({ isHere: true, state: { pid: process.pid } });
    await expect(off()).rejects.toMatchObject({ code: 'machine-running' });
  });

  test('with its state in another folder: who asks is told the pid and the folder', async () => {
    const { context, process, off } = await machineOf((state) => ({
      power: { ...state, stateDir: '/x/vmkit/machines/sql' },
    }));
    expect(await findRunning('sql', context)).toMatchObject({ isHere: false });
    await expect(off()).rejects.toMatchObject({
      code: 'machine-elsewhere',
      message: expect.stringContaining(`pid ${process.pid}`),
      hint: 'XDG_STATE_HOME=/x vmkit stop sql',
    });
  });

  test.each([
    ['damaged', 'torn', 'powerLock'],
    ['deleted, and nothing but its disk is held', undefined, 'dataDisk'],
    ['replaced by a new one, and nothing but its disk is held', '', 'dataDisk'],
  ] as const)('though what says so is %s: it is held all the same', async (_how, power, held) => {
    const { paths, off } = await machineOf(() => (power === undefined ? {} : { power, state: power }));
    await hold(paths[held]);
    await expect(off()).rejects.toMatchObject({
      code: 'machine-held',
      message: expect.stringContaining(paths[held]),
    });
  });
});

test('a process of the same pid that is another one runs no machine', async () => {
  const { off, context } = await machineOf((state, stateDir) => {
    const old = { ...state, startTime: state.startTime - 1 };
    return { power: { ...old, stateDir }, state: old };
  });
  expect(await findRunning('sql', context)).toBeUndefined();
  await off();
});

test('a machine that is forgotten keeps the file whose lock others wait for', async () => {
  const { paths } = await machineOf((state, stateDir) => ({ power: { ...state, stateDir }, state }));
  await clearState(paths, localHost());
  expect(await readdir(paths.dataDir)).toEqual(['power.lock']);
  expect(await readdir(paths.stateDir)).toEqual([]);
});

test('a folder in the place of state.json is a damaged one: the machine is found by the other file, and forgotten with it', async () => {
  const { context, paths, process, off } = await machineOf((state, stateDir) => ({ power: { ...state, stateDir } }));
  await mkdir(paths.stateFile);
  expect(await findRunning('sql', context)).toMatchObject({ isHere: true, state: { pid: process.pid } });
  await expect(off()).rejects.toMatchObject({ code: 'machine-running' });
  await clearState(paths, localHost());
  expect(await readdir(paths.stateDir)).toEqual([]);
});

test.each([
  ['a file for its data', 'dataDir', (path: string) => writeFile(path, 'mine')],
  ['a link for its data that leads nowhere', 'dataDir', (path: string) => symlink('/nowhere/sql', path)],
  ['a file for its state', 'stateDir', (path: string) => writeFile(path, 'mine')],
  ['a folder for its lock', 'lock', (path: string) => mkdir(path)],
  ['a folder for the lock that QEMU holds', 'powerLock', (path: string) => mkdir(path)],
] as const)('%s: it is named, and nothing is made or changed', async (_what, at, make) => {
  const context = contextIn(await temporaryFolder());
  const paths = machinePaths(context.paths, 'sql');
  await mkdir(dirname(paths[at]), { recursive: true });
  await make(paths[at]);
  const expected = { code: 'not-a-machine', message: expect.stringContaining(paths[at]) };
  await expect(withMachine('sql', 'a test', context, async () => undefined)).rejects.toMatchObject(expected);
  await expect(machineName('sql', context)).rejects.toMatchObject(expected);
});
