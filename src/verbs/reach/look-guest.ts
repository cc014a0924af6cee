import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf } from '../../core/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { requireRunning } from '../../machine/state/running.ts';
import { vmmOf } from '../../machine/vmm/drivers.ts';
import { questionTo } from '../../net/question.ts';
import type { Dial, Facts, Target } from '../../reach/facts.ts';
import { askScript, readAsk } from '../../reach/look/guest-ask.ts';
import { guestScript, readGuestFacts } from '../../reach/look/guest-facts.ts';
import { NEBULA_COMMANDS } from '../../reach/look/nebula-facts.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { nebulaOf } from '../nebula-certificates.ts';
import type { OpenedShell } from './guest-shell.ts';

const LOOK_MS = 10_000;
const ASK_MS = 11_000;
const LOOPBACK = '127.0.0.1';

export type LookedGuest = Pick<Facts, 'guest' | 'guestError' | 'guestBy' | 'guestHeld'>;

/** What the guest says of itself; where it says nothing, what its QEMU says of it. */
export async function lookAtGuest(
  spec: VmSpec,
  target: Target,
  { shell, error }: OpenedShell,
  context: Context,
): Promise<LookedGuest> {
  const more = nebulaOf(spec) === undefined ? {} : NEBULA_COMMANDS;
  const guestBy = shell?.by ?? 'console';
  let why = error;
  const printed = await shell?.run(guestScript(more), LOOK_MS).catch((failed: unknown) => {
    throwIfInterrupted(context.signal);
    why = messageOf(failed);
    return undefined;
  });
  if (printed !== undefined) {
    const guest = readGuestFacts(printed, Date.now() / 1000, more);
    return { guest, guestError: error, guestBy };
  }
  const state = await requireRunning(target.machine, context);
  const paths = machinePaths(context.paths, target.machine);
  const held = await vmmOf(state).whatHolds(state, paths, context.host);
  return { guest: undefined, guestError: why, guestBy, guestHeld: held && `${held.text}. ${held.hint}` };
}

/** The peer's question, asked inside the guest; undefined where that could not be done. */
export async function askInGuest(
  { machine, port, protocol }: Target,
  { shell }: OpenedShell,
): Promise<Dial | undefined> {
  const question = questionTo(protocol, machine);
  const printed = await shell?.run(askScript(LOOPBACK, port, question), ASK_MS).catch(() => undefined);
  return printed === undefined ? undefined : readAsk(printed, LOOPBACK, port, question);
}
