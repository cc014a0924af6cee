import { poll } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Host, LogReader } from '../../host/host.ts';
import { isGone, terminate } from '../../host/terminate.ts';
import { parseGuestEvent } from '../../spec/guest-event.ts';
import { clearState, type MachineState } from '../state/state.ts';
import { vmmOf } from '../vmm/drivers.ts';
import { allRecorded, logsOf } from '../vmm/launch/recorder.ts';
import type { Ask } from './ask-power-off.ts';
import { wake } from './wake.ts';

/** What each way of asking gets, the last one excepted, until the guest must have said that it stops. */
const ASK_MS = 10_000;

/** A supervisor that has seen the end tidies up after it. */
const RELEASED_WITHIN_S = 20;

export interface Stopped {
  readonly seconds: number;
  /** How the guest was asked, where it took that: `ssh`. */
  readonly askedBy: string | undefined;
  /** What did not go the clean way, in words; empty after a clean stop. */
  readonly forced: readonly string[];
}

/**
 * Stops a machine that runs: it is asked one way after the other to power off, within the whole deadline; then its monitor is told to quit, then killed. A paused
 * guest is woken first. Every step that had to be forced is in the result.
 */
export async function stopMachine(
  state: MachineState,
  paths: MachinePaths,
  ways: readonly Ask[],
  withinMs: number,
  context: Context,
): Promise<Stopped> {
  const started = performance.now();
  const left = (): number => Math.max(0, started + withinMs - performance.now());
  const forced: string[] = [];
  const log = context.host.log(paths.eventsLog);
  let askedBy: string | undefined;
  try {
    for await (const _ of log.lines());
    const held = await wake(state, paths, left, context);
    if (held !== undefined) forced.push(`It could not be woken to stop by itself: it is ${held.text}.`);
    else {
      const guest = watchGuest(state, paths, log, forced, context);
      const refusals: string[] = [];
      askedBy = await askInTurn(ways, guest, left, refusals, context);
      // Whom nobody could ask is not waited for.
      const isOff = await guest.until('off', askedBy === undefined ? 0 : left(), context.signal);
      if (!isOff) forced.push(...refusals, ...(await whyNotOff(state, paths, withinMs, left(), context.host)));
    }
    await force(state, paths, forced, context.host);
    await vmmOf(state).release?.(state.name, context.host, RELEASED_WITHIN_S);
    // It ends with the monitor by itself.
    if (state.gate !== undefined) await terminate(state.gate, context.host);
  } finally {
    await log.close();
  }
  await clearState(paths, context.host);
  return { seconds: Math.round((performance.now() - started) / 10) / 100, askedBy, forced };
}

/** Asks until the guest says that it stops. Returns the way that it took; what did not work goes to `refusals`. */
async function askInTurn(
  ways: readonly Ask[],
  guest: WatchedGuest,
  left: () => number,
  refusals: string[],
  context: Context,
): Promise<string | undefined> {
  for (const [at, { by, ask }] of ways.entries()) {
    if (left() === 0) return undefined;
    context.report({ kind: 'phase', text: `asks the guest to power off, by ${by}` });
    const reason = await ask(Math.min(left(), ASK_MS)).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    const patience = at === ways.length - 1 ? left() : Math.min(left(), ASK_MS);
    if (reason === undefined && (await guest.until('stopping', patience, context.signal))) return by;
    const refusal = `Asked by ${by}: ${reason ?? 'the guest did not begin to stop.'}`;
    refusals.push(refusal);
    context.report({ kind: 'note', text: refusal });
  }
  return undefined;
}

interface WatchedGuest {
  /** Whether it got so far in time. A guest that is off has stopped, too. */
  readonly until: (what: 'stopping' | 'off', withinMs: number, signal: AbortSignal) => Promise<boolean>;
}

function watchGuest(
  state: MachineState,
  paths: MachinePaths,
  log: LogReader,
  forced: string[],
  context: Context,
): WatchedGuest {
  let isStopping = false;
  return {
    until: async (what, withinMs, signal) => {
      const reached = async (): Promise<true | undefined> => {
        // Asked before reading: what a process printed before it ended is all there.
        const isAlive = await context.host.isRunning(state);
        if (!isAlive) await allRecorded(logsOf(paths), context.host);
        for await (const line of log.lines()) isStopping = tell(line, state.services, forced, context) || isStopping;
        return !isAlive || (what === 'stopping' && isStopping) ? true : undefined;
      };
      return (await poll(reached, { withinMs, signal })) === true;
    },
  };
}

async function whyNotOff(
  state: MachineState,
  paths: MachinePaths,
  withinMs: number,
  leftMs: number,
  host: Host,
): Promise<string[]> {
  const held = await vmmOf(state).whatHolds(state, paths, host);
  const late = leftMs > 0 ? [] : [`The guest did not power off within ${withinMs / 1000} s.`];
  return held === undefined ? late : [...late, `It is ${held.text}.`];
}

async function force(state: MachineState, paths: MachinePaths, forced: string[], host: Host): Promise<void> {
  if (!(await host.isRunning(state))) return;
  const vmm = vmmOf(state);
  try {
    await vmm.quit(paths, host);
    forced.push(`${vmm.title} was told to quit, as if the power were cut.`);
  } catch (error) {
    forced.push(`${vmm.title} did not take the order to quit: ${messageOf(error)}`);
  }
  if (await isGone(state, host, 5_000)) return;
  await host.signal(state, 'SIGKILL');
  forced.push(`${vmm.title} was killed (SIGKILL).`);
  if (await isGone(state, host, 5_000)) return;
  throw new VmkitError('tool', 'qemu-unkillable', `${vmm.title} (pid ${state.pid}) did not end even after SIGKILL.`, {
    hint: 'The kernel of this host holds the process, most often because a disk does not answer: dmesg says more.',
  });
}

/** Takes one event; whether it says that the guest stops. */
function tell(line: string, services: readonly string[], forced: string[], context: Context): boolean {
  const event = parseGuestEvent(line, services);
  if (event?.event !== 'stopping' && event?.event !== 'stopped') return false;
  if (event.event === 'stopped' && event.service === undefined && event.forced === true)
    forced.push('A process that belongs to no service held the data disk and was killed.');
  if (event.service !== undefined) context.report({ kind: 'phase', text: `${event.service} ${event.event}` });
  if (event.event === 'stopped' && event.service !== undefined && event.forced === true)
    forced.push(`The service ${event.service} had to be killed.`);
  return true;
}
