import * as z from 'zod';
import { poll } from '../../../core/deadline.ts';
import { VmkitError } from '../../../core/errors.ts';
import type { MachinePaths } from '../../../core/paths.ts';
import type { Host, HostProcess } from '../../../host/host.ts';
import { processStat } from '../../../host/local/process-stat.ts';
import { qmpCommand } from './qmp.ts';

/** Why a guest does not run although its QEMU is there. */
export interface Held {
  /** QEMU's own word (QEMU QMP reference, RunState), or `sigstop`. */
  readonly state: string;
  /** What happened, as the end of a sentence about the machine. */
  readonly text: string;
  /** What makes it go on. */
  readonly hint: string;
  /** How QEMU is told to go on; undefined where nothing but a stop is left. */
  readonly resume: 'cont' | 'system_wakeup' | 'SIGCONT' | undefined;
}

type Reasons = Readonly<Record<string, Omit<Held, 'state'>>>;

const STOP_ONLY = 'It cannot go on: vmkit stop, then boot it again. Its data disk is as after a power cut.';
const CONTINUE = 'Who paused it can let it go on (QMP: cont). vmkit stop wakes it and stops it cleanly.';
/**
 * The states in which no guest code runs and that do not pass by themselves. `io-error`: QEMU pauses a guest whose write finds this host's disk full
 * (werror=enospc is its default), so that the guest sees no error and loses nothing.
 */
const REASONS: Reasons = {
  'io-error': {
    text: 'paused by QEMU: the disk of this host that holds its data disk is full',
    hint: 'Make room there: the next vmkit status or boot lets it go on. Nothing is lost meanwhile.',
    resume: 'cont',
  },
  paused: { text: 'paused by hand, through QEMU', hint: CONTINUE, resume: 'cont' },
  debug: { text: 'held by a debugger', hint: CONTINUE, resume: 'cont' },
  suspended: {
    text: 'asleep: the guest suspended itself',
    hint: 'QMP: system_wakeup. vmkit stop wakes it and stops it cleanly.',
    resume: 'system_wakeup',
  },
  sigstop: {
    text: 'halted: QEMU was stopped by a signal (SIGSTOP)',
    hint: 'kill -CONT and its pid lets it go on. vmkit stop does that and stops it cleanly.',
    resume: 'SIGCONT',
  },
  'internal-error': { text: 'halted by an error inside QEMU or KVM', hint: STOP_ONLY, resume: undefined },
  'guest-panicked': { text: "halted: the guest's kernel panicked", hint: STOP_ONLY, resume: undefined },
  watchdog: { text: 'halted by its watchdog', hint: STOP_ONLY, resume: undefined },
  shutdown: { text: 'powered off, but its QEMU has not ended', hint: STOP_ONLY, resume: undefined },
};

const status = z.object({ status: z.string() });

/** What holds a guest; undefined when it runs, or when QEMU does not answer within three seconds. Changes nothing. */
export async function whatHolds(
  process: HostProcess,
  { qmpSocket }: Pick<MachinePaths, 'qmpSocket'>,
  host: Host,
): Promise<Held | undefined> {
  if (await isHaltedBySignal(process, host)) return heldIn('sigstop');
  const answer = await qmpCommand(qmpSocket, 'query-status', host, 3_000).catch(() => undefined);
  // A signal takes effect a moment after it was sent.
  if (answer === undefined && (await isHaltedBySignal(process, host))) return heldIn('sigstop');
  return heldIn(status.safeParse(answer).data?.status ?? '');
}

/**
 * The same, but a guest that waits for room on a disk is first told to go on. QEMU tries the write again at once and pauses it anew where there
 * is no room, so that telling it costs nothing.
 */
export async function whatStillHolds(
  process: HostProcess,
  paths: Pick<MachinePaths, 'qmpSocket'>,
  host: Host,
): Promise<Held | undefined> {
  const held = await whatHolds(process, paths, host);
  if (held?.state !== 'io-error') return held;
  await qmpCommand(paths.qmpSocket, 'cont', host).catch(() => undefined);
  return await poll(() => whatHolds(process, paths, host), { withinMs: 1_000 });
}

/** Throws `disk-full` or `machine-paused` when a machine that runs cannot be talked to, since its guest does not. */
export async function requireGoing(
  machine: HostProcess & { readonly name: string },
  paths: Pick<MachinePaths, 'qmpSocket'>,
  host: Host,
): Promise<void> {
  const held = await whatStillHolds(machine, paths, host);
  if (held === undefined) return;
  throw new VmkitError('boot', codeOf(held), `The machine ${machine.name} is ${held.text}.`, {
    hint: held.hint,
    details: { state: held.state },
  });
}

/** The code of the error that names it. */
export function codeOf({ state }: Held): 'disk-full' | 'machine-paused' {
  return state === 'io-error' ? 'disk-full' : 'machine-paused';
}

/** Whether this very process was halted by SIGSTOP, or by a debugger: it runs, but does nothing. */
export async function isHaltedBySignal({ pid, startTime }: HostProcess, host: Host): Promise<boolean> {
  // It may end while it is looked at.
  const text = await host.read(`/proc/${pid}/stat`).catch(() => undefined);
  if (text === undefined) return false;
  const stat = processStat(Buffer.from(text).toString('latin1'));
  return stat.startTime === startTime && ['T', 't'].includes(stat.state);
}

function heldIn(state: string): Held | undefined {
  const reason = REASONS[state];
  return reason === undefined ? undefined : { state, ...reason };
}
