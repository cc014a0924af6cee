import { access, appendFile, mkdir, writeFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import { type MachinePaths, machinePaths } from '../../src/core/paths.ts';
import { endProcess, isRunning, startInBackground } from '../../src/host/background.ts';
import { type MachineState, readState, writeState } from '../../src/machine/state.ts';
import { stopMachine } from '../../src/machine/stop.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A process in QEMU's place: it serves the control socket, and ends when it is told to quit, unless it is deaf. */
const STAND_IN = `
const { createServer } = require('node:net');
const [, socket, isDeaf] = process.argv;
process.on('SIGTERM', () => undefined);
createServer((client) => {
  client.on('error', () => undefined);
  client.write('{"QMP": {"version": {}, "capabilities": []}}\\r\\n');
  client.on('data', (data) => {
    for (const line of String(data).trim().split('\\n')) {
      const { execute, id } = JSON.parse(line);
      client.write(JSON.stringify({ return: {}, id }) + '\\r\\n');
      if (execute === 'quit' && isDeaf !== 'deaf') process.exit(0);
    }
  });
}).listen(socket);
`;

const started: MachineState[] = [];
afterEach(() => {
  for (const state of started.splice(0)) endProcess(state, 'SIGKILL');
});

async function runningStandIn(mode: 'obeys' | 'deaf') {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const paths: MachinePaths = machinePaths(context.paths, 'sql');
  await mkdir(paths.stateDir, { recursive: true });
  await writeFile(paths.consoleLog, 'vmkit-event {"event":"stopped","service":"old","uptime":1,"forced":true}\n');
  const argv = [process.execPath, '-e', STAND_IN, paths.qmpSocket, mode];
  const process_ = await startInBackground(argv, { logFile: paths.qemuLog });
  const state: MachineState = {
    version: 1,
    name: 'sql',
    ...process_,
    startedAt: new Date().toISOString(),
    accelerator: { name: 'tcg', reason: 'a stand-in' },
    cpus: 1,
    memoryMib: 256,
    services: ['postgres'],
    ports: [],
    sshPort: 22,
    needs: [],
    network: { kind: 'user', world: 'internet', hostAccess: [] },
    tells: [],
    artifacts: {},
  };
  started.push(state);
  await writeState(paths, state, context);
  const isUp = (): Promise<true | undefined> =>
    access(paths.qmpSocket).then(
      () => true,
      () => undefined,
    );
  expect(await poll(isUp, { withinMs: 15_000 })).toBe(true);
  return { context, paths, state };
}

test('a guest that powers off when it is asked is a clean stop, and its state is forgotten', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  const stopped = await stopMachine(state, paths, async () => void endProcess(state, 'SIGKILL'), 10_000, context);
  expect(stopped.forced).toEqual([]);
  expect(await readState(paths, context)).toBeUndefined();
});

test('a guest that does not power off in time loses its power, and that is said', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  const stopped = await stopMachine(state, paths, async () => undefined, 300, context);
  expect(stopped.forced).toEqual([
    'The guest did not power off within 0.3 s.',
    'QEMU was told to quit, as if the power were cut.',
  ]);
  expect(isRunning(state)).toBe(false);
});

test('a guest that cannot be asked is not waited for', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  const refuse = async (): Promise<void> => {
    throw new Error('no login within 10 s');
  };
  const { forced } = await stopMachine(state, paths, refuse, 600_000, context);
  expect(forced[0]).toBe('The guest could not be asked to power off: no login within 10 s');
  expect(isRunning(state)).toBe(false);
});

test('a QEMU that does not listen is killed, and that is said', async () => {
  const { context, paths, state } = await runningStandIn('deaf');
  const { forced } = await stopMachine(state, paths, async () => undefined, 100, context);
  expect(forced.at(-1)).toBe('QEMU was killed (SIGKILL).');
  expect(isRunning(state)).toBe(false);
});

test('a service that had to be killed inside the guest is named; what was said before this stop is not', async () => {
  const { context, paths, state } = await runningStandIn('obeys');
  const askGuest = async (): Promise<void> => {
    const event = { event: 'stopped', service: 'postgres', uptime: 99, forced: true };
    await appendFile(paths.consoleLog, `vmkit-event ${JSON.stringify(event)}\n`);
    endProcess(state, 'SIGKILL');
  };
  const { forced } = await stopMachine(state, paths, askGuest, 10_000, context);
  expect(forced).toEqual(['The service postgres had to be killed.']);
});
