import { throwIfInterrupted } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { isGone, terminate } from '../../host/terminate.ts';
import type { LockedMachine } from '../state/machine-lock.ts';
import { readStarted, type Started } from '../state/started.ts';
import { clearState, type MachineState } from '../state/state.ts';
import { diskMark, type Suspended, suspendedFiles } from '../state/suspended.ts';
import { vmmOf } from '../vmm/drivers.ts';
import type { MemoryKeeper } from '../vmm/vmm.ts';

const MIB = 1024 * 1024;
const KEPT_WITHIN_MS = 3_600_000;
/** Beside the guest's memory: its devices, and its screen. */
const MORE_MIB = 64;

/**
 * `$1` the folder of what the monitor reads, `$2` its pid, `$3` `$4` the console's log and its place, `$5` `$6` those of events; then a descriptor, a role and a path each. What the monitor has open counts: the store may have
 * replaced the file since. A link where that can be; where nobody may look into the monitor, by its path.
 */
const KEEP = `set -e
umask 077
to=$1 pid=$2
cat -- "$3.1" "$3" >"$4" 2>/dev/null || :
cat -- "$5.1" "$5" >"$6" 2>/dev/null || :
shift 6
mkdir -- "$to"
while [ $# -gt 0 ]; do
  ln -L -- "/proc/$pid/fd/$1" "$to/$2" 2>/dev/null || cp -- "/proc/$pid/fd/$1" "$to/$2" 2>/dev/null ||
    ln -L -- "$3" "$to/$2" 2>/dev/null || cp -- "$3" "$to/$2"
  shift 3
done`;

/** `$1` the folder that is not whole yet, `$2` its place, `$3` the folder of both. */
const FINISH = 'rm -rf -- "$2" && sync && mv -- "$1" "$2" && sync -- "$3"';

/**
 * Saves the memory of a machine that runs, with all that it takes to start it from there, and ends its monitor. Until the record of that is whole the guest goes on, whatever fails; from then
 * on it does not. Returns the bytes of the memory. Throws `vmm-cannot`, `suspend-failed`, `disk-full`.
 */
export async function suspendMachine(state: MachineState, machine: LockedMachine, context: Context): Promise<number> {
  const { host } = context;
  const { paths } = machine;
  const { keeper, started } = await requireKeepable(state, paths, context);
  await requireRoom(state, paths, host);
  const files = suspendedFiles(paths.suspendingDir);
  await host.remove(paths.suspendingDir);
  await host.makeFolder(paths.suspendingDir, 0o700);
  let bytes = 0;
  try {
    await keeper.save(files.memory, (state.memoryMib * 1.1 + MORE_MIB) * MIB, paths, context);
    context.report({ kind: 'phase', text: 'keeps what it runs on' });
    await keepFiles(state, started, paths, context);
    const memory = await facts(files.memory, context);
    bytes = memory.bytes;
    const record: Suspended = {
      version: 1,
      suspendedAt: new Date().toISOString(),
      state,
      started,
      disk: await diskMark(paths, host),
      memory,
    };
    await host.write(files.record, `${JSON.stringify(record, null, 2)}\n`, 0o600);
    throwIfInterrupted(context.signal);
    await run(FINISH, [paths.suspendingDir, paths.suspendedDir, paths.dataDir], context);
  } catch (error) {
    for (const folder of [paths.suspendingDir, paths.suspendedDir]) await host.remove(folder);
    await keeper.goOn(paths, host).catch(() => undefined);
    throw error;
  }
  await end(state, paths, host);
  return bytes;
}

async function requireKeepable(
  state: MachineState,
  paths: MachinePaths,
  context: Context,
): Promise<{ readonly keeper: MemoryKeeper; readonly started: Started }> {
  const { title, memory: keeper } = vmmOf(state);
  const hint = `vmkit stop ${state.name} keeps all that is on its disk.`;
  if (keeper === undefined) {
    throw new VmkitError('usage', 'vmm-cannot', `${title} cannot save the memory of ${state.name}.`, { hint });
  }
  const started = await readStarted(paths, state, context);
  if (started !== undefined) return { keeper, started };
  const text = `How ${state.name} was started is not recorded, so it could not be started again: an older vmkit did it.`;
  throw new VmkitError('usage', 'suspend-failed', text, {
    hint: `vmkit stop ${state.name} && vmkit boot ${state.name}; it can be suspended then.`,
  });
}

/** What the guest never touched is not written. */
async function requireRoom(state: MachineState, { dataDir }: MachinePaths, host: Host): Promise<void> {
  const used = await vmmOf(state).usedMib(state, host);
  const needed = Math.min(state.memoryMib, used ?? state.memoryMib) + MORE_MIB;
  const free = Math.floor((await host.freeBytes(dataDir)) / MIB);
  if (free >= needed) return;
  const text = `The memory of ${state.name} takes up to ${needed} MiB, and ${dataDir} has ${free} MiB free.`;
  throw new VmkitError('host', 'disk-full', text, { hint: 'The machine runs on. Make room there.' });
}

async function keepFiles(state: MachineState, started: Started, paths: MachinePaths, context: Context): Promise<void> {
  const { readDir, console, events } = suspendedFiles(paths.suspendingDir);
  const read = started.files.flatMap(({ fd, role, path, access }) =>
    access === 'read' && path !== undefined ? [String(fd), role, path] : [],
  );
  const logs = [paths.consoleLog, console, paths.eventsLog, events];
  await run(KEEP, [readDir, String(state.pid), ...logs, ...read], context);
}

async function facts(file: string, { host, signal }: Context): Promise<Suspended['memory']> {
  return { bytes: (await host.stat(file))?.bytes ?? 0, sha256: await memoryDigest(file, { host, signal }) };
}

/** Nothing in a memory tells that it was damaged, and a damaged one would damage the data. */
export async function memoryDigest(file: string, { host, signal }: Pick<Context, 'host' | 'signal'>): Promise<string> {
  const { exitCode, stdout, stderr } = await host.exec(['sha256sum', file], { withinMs: KEPT_WITHIN_MS, signal });
  if (exitCode !== 0) throw new VmkitError('tool', 'tool-failed', `sha256sum on ${host.name}: ${stderr.trim()}`);
  // A name with a backslash gets one in front (sha256sum(1)).
  return (stdout.split(' ')[0] ?? '').replace('\\', '');
}

async function run(script: string, args: readonly string[], { host, signal }: Context): Promise<void> {
  const argv = ['sh', '-c', script, 'sh', ...args];
  const { exitCode, stderr } = await host.exec(argv, { withinMs: KEPT_WITHIN_MS, signal });
  if (exitCode === 0) return;
  throw new VmkitError('tool', 'suspend-failed', `Keeping what the machine runs on: ${stderr.trim()}`, {
    hint: 'The machine goes on. Is there room beside its data disk?',
  });
}

/** Its guest stands still, and its memory is safe: there is nothing to be asked. */
async function end(state: MachineState, paths: MachinePaths, host: Host): Promise<void> {
  await vmmOf(state)
    .quit(paths, host)
    .catch(() => undefined);
  if (!(await isGone(state, host, 10_000))) await terminate(state, host);
  // It ends with the monitor by itself.
  if (state.gate !== undefined) await terminate(state.gate, host);
  await host.remove(paths.resumedDir);
  await clearState(paths, host);
}
