import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { type MachinePaths, machinePaths } from '../../../src/core/paths.ts';
import type { Context } from '../../../src/host/context.ts';
import { endProcess, startInBackground } from '../../../src/host/local/process/background.ts';
import { type MachineState, writeState } from '../../../src/machine/state/state.ts';
import { contextIn } from '../context.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/**
 * A process in QEMU's place: it serves the control socket. `quit` ends it, unless it is deaf; `cont` and `system_wakeup` make it run, unless there is a
 * file `full` in the machine's state folder; `system_powerdown` ends it as a guest would that obeys.
 */
const STAND_IN = `
const { createServer } = require('node:net');
const { existsSync, appendFileSync } = require('node:fs');
const { dirname } = require('node:path');
const [, socket, isDeaf, first] = process.argv;
let status = first;
process.on('SIGTERM', () => undefined);
createServer((client) => {
  client.on('error', () => undefined);
  client.write('{"QMP": {"version": {}, "capabilities": []}}\\r\\n');
  client.on('data', (data) => {
    for (const line of String(data).trim().split('\\n')) {
      const { execute, id } = JSON.parse(line);
      if (execute !== 'qmp_capabilities') appendFileSync(dirname(dirname(socket)) + '/told', execute + '\\n');
      if (execute === 'cont' || execute === 'system_wakeup') status = existsSync(dirname(dirname(socket)) + '/full') ? status : 'running';
      client.write(JSON.stringify({ return: execute === 'query-status' ? { status } : {}, id }) + '\\r\\n');
      if (execute === 'quit' && isDeaf !== 'deaf') process.exit(0);
      if (execute === 'system_powerdown' && isDeaf !== 'deaf') process.exit(0);
    }
  });
}).listen(socket);
`;

export interface StandIn {
  readonly context: Context;
  readonly paths: MachinePaths;
  readonly state: MachineState;
  /** What it was told, one word a line. */
  readonly told: string;
  /** While this file is there, what is paused stays paused. */
  readonly full: string;
}

/** Starts one for a machine sql; it is ended with the test. */
export async function runningStandIn(mode: 'obeys' | 'deaf', status = 'running'): Promise<StandIn> {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const paths = machinePaths(context.paths, 'sql');
  await mkdir(paths.runDir, { recursive: true });
  await writeFile(paths.eventsLog, '{"event":"stopped","service":"postgres","uptime":1,"forced":true}\n');
  const told = join(paths.stateDir, 'told');
  await writeFile(told, '');
  const argv = [process.execPath, '-e', STAND_IN, paths.controlSocket, mode, status];
  const started = await startInBackground(argv, { logFile: paths.monitorLog });
  const state: MachineState = {
    version: 1,
    name: 'sql',
    vmm: 'qemu',
    ...started,
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
  onTestFinished(() => void endProcess(state, 'SIGKILL'));
  await writeState(paths, state, context);
  const isUp = (): Promise<true | undefined> =>
    access(paths.controlSocket).then(
      () => true,
      () => undefined,
    );
  expect(await poll(isUp, { withinMs: 15_000 })).toBe(true);
  return { context, paths, state, told, full: join(paths.stateDir, 'full') };
}
