import { poll } from '../../core/deadline.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Monitor } from '../held.ts';
import { vmmOf } from '../vmm/drivers.ts';
import type { Held } from '../vmm/vmm.ts';

/**
 * Lets a guest that is paused go on, so that it can stop itself; one that waits for room on a disk, for as long as `left` says (milliseconds).
 * Returns what still holds it.
 */
export async function wake(
  monitor: Monitor,
  paths: Pick<MachinePaths, 'controlSocket'>,
  left: () => number,
  { host, report, signal }: Pick<Context, 'host' | 'report' | 'signal'>,
): Promise<Held | undefined> {
  const vmm = vmmOf(monitor);
  const look = (): Promise<Held | undefined> => vmm.whatHolds(monitor, paths, host);
  let held = await look();
  if (held === undefined) return undefined;
  report({ kind: 'note', text: `It is ${held.text}.` });
  const goesOn = async (): Promise<true | undefined> => {
    // Who cannot be told is held still, and is told again.
    if (held !== undefined) await vmm.resume(held, monitor, paths, host).catch(() => undefined);
    held = await poll(look, { withinMs: 1_000, signal });
    return held?.canGoOn === true ? undefined : true;
  };
  await poll(goesOn, { withinMs: left(), everyMs: 1_000, signal });
  return held;
}
