import { poll } from '../core/deadline.ts';
import { messageOf, VmkitError } from '../core/errors.ts';
import type { MachinePaths } from '../core/paths.ts';
import { endProcess, isRunning, terminate } from '../host/background.ts';
import { logReader } from '../host/console-log.ts';
import type { Context } from '../host/context.ts';
import { qmpCommand } from '../host/qmp.ts';
import { zeroAndDelete } from '../host/zero-file.ts';
import { parseGuestEvent } from '../spec/guest-event.ts';
import { clearState, type MachineState } from './state.ts';

export interface Stopped {
  readonly seconds: number;
  /** What did not go the clean way, in words; empty after a clean stop. */
  readonly forced: readonly string[];
}

/**
 * Stops a machine that runs: `askGuest` tells the guest to power off; past the deadline QEMU is told to quit, then killed. Every
 * step that had to be forced is in the result.
 */
export async function stopMachine(
  state: MachineState,
  paths: MachinePaths,
  askGuest: () => Promise<void>,
  withinMs: number,
  context: Context,
): Promise<Stopped> {
  const started = performance.now();
  const forced: string[] = [];
  const seconds = (): number => Math.round((performance.now() - started) / 10) / 100;
  const log = logReader(paths.consoleLog);
  try {
    await log.read();
    context.report({ kind: 'phase', text: 'asks the guest to power off' });
    const asked = await askGuest().then(
      () => true,
      (error: unknown) => {
        forced.push(`The guest could not be asked to power off: ${messageOf(error)}`);
        return false;
      },
    );
    const follow = async (): Promise<true | undefined> => {
      const isAlive = isRunning(state);
      for (const line of await log.read()) tell(line, forced, context);
      return isAlive ? undefined : true;
    };
    const signal = context.signal;
    if (asked && (await poll(follow, { withinMs, signal })) === undefined) {
      forced.push(`The guest did not power off within ${withinMs / 1000} s.`);
    }
    await force(state, paths, forced);
    // It ends with QEMU by itself.
    if (state.gate !== undefined) await terminate(state.gate);
  } finally {
    await log.close();
  }
  await zeroAndDelete(paths.secretsDisk);
  await clearState(paths);
  return { seconds: seconds(), forced };
}

async function force(state: MachineState, paths: MachinePaths, forced: string[]): Promise<void> {
  if (!isRunning(state)) return;
  const isGone = (): true | undefined => (isRunning(state) ? undefined : true);
  try {
    await qmpCommand(paths.qmpSocket, 'quit');
    forced.push('QEMU was told to quit, as if the power were cut.');
  } catch (error) {
    forced.push(`QEMU did not take the order to quit: ${messageOf(error)}`);
  }
  if ((await poll(isGone, { withinMs: 5_000 })) === true) return;
  endProcess(state, 'SIGKILL');
  forced.push('QEMU was killed (SIGKILL).');
  if ((await poll(isGone, { withinMs: 5_000 })) === true) return;
  throw new VmkitError('tool', 'qemu-unkillable', `QEMU (pid ${state.pid}) did not end even after SIGKILL.`, {
    hint: 'The kernel of this host holds it, most often for a disk that does not answer: dmesg.',
  });
}

function tell(line: string, forced: string[], context: Context): void {
  const event = parseGuestEvent(line);
  if (event?.event !== 'stopping' && event?.event !== 'stopped') return;
  if (event.event === 'stopped' && event.service === undefined && event.forced === true)
    forced.push('A process that belongs to no service held the data disk and was killed.');
  if (event.service !== undefined) context.report({ kind: 'phase', text: `${event.service} ${event.event}` });
  if (event.event === 'stopped' && event.service !== undefined && event.forced === true)
    forced.push(`The service ${event.service} had to be killed.`);
}
