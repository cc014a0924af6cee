import { join } from 'node:path';
import { poll } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { readText } from '../../host/read-text.ts';
import { terminate } from '../../host/terminate.ts';
import { toolVersion } from '../../host/tools/tool-version.ts';
import { DISK_SERIALS } from '../../spec/disks.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import { requireAnswers } from '../follow/answers.ts';
import { macvtapDevice } from '../host-link.ts';
import { requireFreePorts } from '../ports.ts';
import { type StartedMachine, startAs } from '../start.ts';
import type { LockedMachine } from '../state/machine-lock.ts';
import type { Started } from '../state/started.ts';
import { clearState, type MachineState, writeState } from '../state/state.ts';
import { diskMark, readSuspended, type Suspended, suspendedFiles } from '../state/suspended.ts';
import { vmmOf } from '../vmm/drivers.ts';
import { allRecorded, logsOf } from '../vmm/launch/recorder.ts';
import type { MemoryKeeper } from '../vmm/vmm.ts';
import { lastUptime, waitForClock } from './clock.ts';
import { consume, forgetMemory, LOADED_WITHIN_MS } from './settle.ts';
import { memoryDigest } from './suspend.ts';

/** Why the memory of a suspended machine cannot be gone on from, as a sentence; undefined where it can, as far as that is known before it is read. */
export async function whyNotResumable(paths: MachinePaths, context: Context): Promise<string | undefined> {
  return whyNotFrom(await readSuspended(paths, context), paths, context);
}

async function whyNotFrom(
  saved: Suspended | undefined,
  paths: MachinePaths,
  context: Context,
): Promise<string | undefined> {
  const { host } = context;
  if (saved === undefined) return 'its record cannot be read, or is of another vmkit';
  const [program = ''] = saved.started.argv;
  const monitor = await toolVersion(program, context);
  if (monitor !== saved.started.monitor) return `it ran on ${saved.started.monitor}, and here is ${monitor} now`;
  if ((await diskMark(paths, host)) !== saved.disk) return 'its data disk was written to since';
  const { memory, readDir } = suspendedFiles(paths.suspendedDir);
  if ((await host.stat(memory))?.bytes !== saved.memory.bytes) return 'its memory is not whole';
  const read = saved.started.files.filter(isKept);
  const there = await host.statAll(read.map(({ role }) => join(readDir, role)));
  const missing = read.find((_, at) => there[at] === undefined);
  return missing === undefined ? undefined : `its ${missing.role} is missing`;
}

/**
 * Starts a suspended machine from its memory. It goes on only once all of that is read, and no other start can take it any more; until then it stays suspended, whatever fails. Back when the
 * guest has set its clock, and its ports answer. Throws `resume-failed`, `port-in-use`.
 */
export async function resumeMachine(machine: LockedMachine, context: Context): Promise<MachineState> {
  const { name, paths } = machine;
  const { host } = context;
  const saved = await readSuspended(paths, context);
  const why = await whyNotFrom(saved, paths, context);
  const keeper = saved === undefined ? undefined : vmmOf(saved.state).memory;
  if (why !== undefined || saved === undefined || keeper === undefined)
    throw notResumed(name, why ?? 'its monitor cannot');
  const files = suspendedFiles(paths.suspendedDir);
  context.report({ kind: 'phase', text: 'checks its memory' });
  if ((await memoryDigest(files.memory, context)) !== saved.memory.sha256)
    throw notResumed(name, 'its memory was damaged');
  const plan = await planHere(saved, paths, context);
  await requireFreePorts(plan.state.ports, name, host);
  const before = lastUptime(await readText(files.events, host));
  const process = await start(plan, saved, keeper, machine, host);
  const state: MachineState = { ...plan.state, ...process };
  try {
    await writeState(paths, state, context);
    context.report({ kind: 'phase', text: 'reads its memory' });
    await loaded(state, keeper, paths, context);
  } catch (error) {
    await undo(process, paths, host);
    throw error;
  }
  await consume(paths, host);
  await keeper.goOn(paths, host);
  await forgetMemory(paths, host);
  await waitForClock(state, before, paths, context);
  await requireAnswers(state, context);
  return state;
}

/** Where the memory cannot be gone on from: the machine is off then, with its data as after a power cut. */
export async function dropMemory(
  { name, paths }: LockedMachine,
  why: string,
  { host, report }: Context,
): Promise<void> {
  report({
    kind: 'note',
    text: `${name} cannot go on where it was suspended: ${why}. Its memory is dropped, and its data is as after a power cut.`,
  });
  await host.remove(paths.suspendedDir);
}

interface Plan {
  readonly started: Started;
  readonly state: Omit<MachineState, 'pid' | 'startTime' | 'gate'>;
}

/** What of it is this host's at this time: when it was started, the device of its card, and where its folders are. */
async function planHere(
  { state, started, suspendedAt }: Suspended,
  paths: MachinePaths,
  { host }: Context,
): Promise<Plan> {
  const { pid: _, startTime: __, gate: ___, bootId: ____, ...rest } = state;
  const ran = Date.parse(suspendedAt) - Date.parse(state.startedAt);
  const startedAt = new Date(Date.now() - ran).toISOString();
  const { console, events } = logsOf(paths);
  const here: Readonly<Record<string, string>> = {
    console,
    events,
    [DISK_SERIALS.data]: paths.dataDisk,
    ...(networkOf(state.network).card?.end === 'macvtap' ? { link: await macvtapDevice(state.name, host) } : {}),
  };
  const files = started.files.map((file) => ({ ...file, path: here[file.role] ?? file.path }));
  return { started: { ...started, startedAt, files }, state: { ...rest, startedAt } };
}

async function start(
  { started, state }: Plan,
  { started: { user } }: Suspended,
  keeper: MemoryKeeper,
  machine: LockedMachine,
  host: Host,
): Promise<StartedMachine> {
  const { paths } = machine;
  const { memory, console, events } = suspendedFiles(paths.suspendedDir);
  const from = { memory, recorded: { console, events }, logs: logsOf(paths) };
  // Where they are once it goes on.
  const later = { ...started, files: filesIn(paths.resumedDir, started) };
  return startAs(later, state, machine, host, (begin) => {
    const now = { ...started, files: filesIn(paths.suspendedDir, started) };
    // The guest took its secrets long ago, and its monitor had zeros in their place.
    return keeper.start({ ...now, ...from }, { ...begin, user, secrets: new Uint8Array(started.secretsBytes) }, host);
  });
}

function filesIn(folder: string, { files }: Pick<Started, 'files'>): Started['files'] {
  const { readDir } = suspendedFiles(folder);
  return files.map((file) => (isKept(file) ? { ...file, path: join(readDir, file.role) } : file));
}

function isKept({ access, path }: Started['files'][number]): boolean {
  return access === 'read' && path !== undefined;
}

async function loaded(state: MachineState, keeper: MemoryKeeper, paths: MachinePaths, context: Context): Promise<void> {
  const { host, signal } = context;
  const end = await poll(
    async () => {
      if (!(await host.isRunning(state))) return 'ended';
      const phase = await keeper.phase(paths, host).catch(() => 'moving');
      return phase === 'moving' ? undefined : phase;
    },
    { withinMs: LOADED_WITHIN_MS, everyMs: 50, signal },
  );
  if (end === 'still') return;
  await allRecorded(logsOf(paths), host);
  const said = (await readText(paths.monitorLog, host)).trim().split('\n').at(-1) ?? '';
  throw notResumed(state.name, `its monitor did not take the memory: ${said}`);
}

/** The guest has not gone on: it is as suspended as before. */
async function undo(process: StartedMachine, paths: MachinePaths, host: Host): Promise<void> {
  await terminate(process, host);
  if (process.gate !== undefined) await terminate(process.gate, host);
  await clearState(paths, host);
}

function notResumed(name: string, why: string): VmkitError {
  return new VmkitError('boot', 'resume-failed', `${name} cannot go on where it was suspended: ${why}.`, {
    hint: `vmkit boot ${name} drops its memory and boots it; its data is as after a power cut.`,
    details: { why },
  });
}
