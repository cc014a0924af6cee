import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { requireRunning } from '../../machine/state/running.ts';
import { vmmOf } from '../../machine/vmm/drivers.ts';
import { questionTo } from '../../net/question.ts';
import type { Dial, Facts, Target } from '../../reach/facts.ts';
import { askScript, readAsk } from '../../reach/look/guest/guest-ask.ts';
import { guestScript, isAfterServe, readGuestFacts } from '../../reach/look/guest/guest-facts.ts';
import { NEBULA_COMMANDS } from '../../reach/look/tunnels/nebula-facts.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { nebulaOf } from '../nebula-certificates.ts';
import type { OpenedShell } from './guest-shell.ts';

const LOOPBACK = '127.0.0.1';

export type LookedGuest = Pick<Facts, 'guest' | 'guestError' | 'guestBy' | 'guestHeld' | 'guestIsSlow'>;

/** What the guest says of itself; where it says nothing, what its QEMU says of it. `onServe`: what is known as soon as it has said what a peer's look needs. */
export async function lookAtGuest(
  spec: VmSpec,
  target: Target,
  { shell, error }: OpenedShell,
  { withinMs, onServe }: { readonly withinMs: number; readonly onServe: (looked: LookedGuest) => void },
  context: Context,
): Promise<LookedGuest> {
  const more = nebulaOf(spec) === undefined ? {} : NEBULA_COMMANDS;
  const guestBy = shell?.by ?? 'console';
  let why = error;
  const lines: string[] = [];
  const onLine = (line: string): void => {
    lines.push(line);
    if (!isAfterServe(line)) return;
    onServe({ guest: readGuestFacts(lines.join('\n'), Date.now() / 1000, more), guestError: why, guestBy });
  };
  const printed = await shell?.run(guestScript(more), withinMs, onLine).catch((failed: unknown) => {
    throwIfInterrupted(context.signal);
    why = messageOf(failed);
    return lines.join('\n');
  });
  const guest = readGuestFacts(printed ?? '', Date.now() / 1000, more);
  // What it said before it got stuck counts.
  if (guest.observed.size > 0) return { guest, guestError: why, guestBy, guestIsSlow: why !== error };
  const state = await requireRunning(target.machine, context);
  const held = await vmmOf(state).whatHolds(state, machinePaths(context.paths, target.machine), context.host);
  const guestHeld = held && `${held.text}. ${held.hint}`;
  return { guest: undefined, guestError: why, guestBy, guestHeld, guestIsSlow: shell !== undefined };
}

/** The peer's question, asked inside the guest; undefined where that could not be done. */
export async function askInGuest(
  { machine, port, protocol }: Target,
  { shell }: OpenedShell,
  withinMs: number,
): Promise<Dial | undefined> {
  const question = questionTo(protocol, machine);
  const printed = await shell?.run(askScript(LOOPBACK, port, question), withinMs).catch(() => undefined);
  return printed === undefined ? undefined : readAsk(printed, LOOPBACK, port, question);
}
