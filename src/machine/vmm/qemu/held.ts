import * as z from 'zod';
import type { MachinePaths } from '../../../core/paths.ts';
import type { Host, HostProcess } from '../../../host/host.ts';
import { isHaltedBySignal } from '../launch/halted.ts';
import type { Held } from '../vmm.ts';
import { qmpCommand } from './qmp.ts';

interface Reason extends Pick<Held, 'text' | 'hint'> {
  readonly kind?: Held['kind'];
  /** How QEMU is told to go on. */
  readonly by: 'cont' | 'system_wakeup' | 'SIGCONT' | undefined;
}

const STOP_ONLY = 'It cannot go on: vmkit stop, then boot it again. Its data disk is as after a power cut.';
const CONTINUE =
  'Who paused it can let it go on (QMP: cont); where that was a vmkit suspend that was killed, vmkit boot does. vmkit stop wakes it and stops it cleanly.';
const CUT_OFF = 'vmkit boot waits for that, and lets it go on.';
/**
 * QEMU's words (QEMU QMP reference, RunState) for the states in which no guest code runs and that do not pass by themselves. `io-error`: QEMU pauses a guest whose write finds this host's disk full
 * (werror=enospc is its default), so that the guest sees no error and loses nothing.
 */
const REASONS: Readonly<Record<string, Reason>> = {
  'io-error': {
    text: 'paused by QEMU: the disk of this host that holds its data disk is full',
    hint: 'Make room there: the next vmkit status or boot lets it go on. Nothing is lost meanwhile.',
    kind: 'no-room',
    by: 'cont',
  },
  paused: { text: 'paused by hand, through QEMU', hint: CONTINUE, by: 'cont' },
  debug: { text: 'held by a debugger', hint: CONTINUE, by: 'cont' },
  suspended: {
    text: 'asleep: the guest suspended itself',
    hint: 'QMP: system_wakeup. vmkit stop wakes it and stops it cleanly.',
    by: 'system_wakeup',
  },
  sigstop: {
    text: 'halted: QEMU was stopped by a signal (SIGSTOP)',
    hint: 'kill -CONT and its pid lets it go on. vmkit stop does that and stops it cleanly.',
    by: 'SIGCONT',
  },
  postmigrate: {
    text: 'standing still, its memory saved: it is being suspended, or vmkit was ended at that',
    hint: CUT_OFF,
    by: 'cont',
  },
  inmigrate: { text: 'reading its memory: it is being resumed, or vmkit was ended at that', hint: CUT_OFF, by: 'cont' },
  'internal-error': { text: 'halted by an error inside QEMU or KVM', hint: STOP_ONLY, by: undefined },
  'guest-panicked': { text: "halted: the guest's kernel panicked", hint: STOP_ONLY, by: undefined },
  watchdog: { text: 'halted by its watchdog', hint: STOP_ONLY, by: undefined },
  // What QEMU says just before it ends.
  shutdown: { text: 'powered off, but its QEMU has not ended', hint: STOP_ONLY, kind: 'ending', by: undefined },
};

export const status = z.object({ status: z.string() });

/** What holds a guest; undefined when it runs, or when QEMU does not answer within three seconds. Changes nothing. */
export async function whatHolds(
  process: HostProcess,
  { controlSocket }: Pick<MachinePaths, 'controlSocket'>,
  host: Host,
): Promise<Held | undefined> {
  if (await isHaltedBySignal(process, host)) return heldIn('sigstop');
  const answer = await qmpCommand(controlSocket, 'query-status', host, 3_000).catch(() => undefined);
  // A signal takes effect a moment after it was sent.
  if (answer === undefined && (await isHaltedBySignal(process, host))) return heldIn('sigstop');
  return heldIn(status.safeParse(answer).data?.status ?? '');
}

/** A guest that waits for room is paused anew at once where there is none, so that telling it costs nothing. */
export async function resume(
  { state }: Held,
  process: HostProcess,
  { controlSocket }: Pick<MachinePaths, 'controlSocket'>,
  host: Host,
): Promise<void> {
  const by = REASONS[state]?.by;
  if (by === 'SIGCONT') await host.signal(process, by);
  else if (by !== undefined) await qmpCommand(controlSocket, by, host);
}

function heldIn(state: string): Held | undefined {
  const reason = REASONS[state];
  if (reason === undefined) return undefined;
  const { text, hint, kind = 'other', by } = reason;
  return { state, text, hint, kind, canGoOn: by !== undefined };
}
