import { poll } from '../../core/deadline.ts';
import { messageOf } from '../../core/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Host, HostProcess } from '../../host/host.ts';
import { type Held, whatHolds } from '../vmm/qemu/paused.ts';
import { qmpCommand } from '../vmm/qemu/qmp.ts';

/**
 * Lets a guest that is paused go on, so that it can stop itself; one that waits for room on a disk, for as long as `left` says (milliseconds).
 * Returns what still holds it.
 */
export async function wake(
  process: HostProcess,
  paths: Pick<MachinePaths, 'qmpSocket'>,
  left: () => number,
  context: Pick<Context, 'host' | 'report' | 'signal'>,
): Promise<Held | undefined> {
  let held = await whatHolds(process, paths, context.host);
  if (held === undefined) return undefined;
  context.report({ kind: 'note', text: `It is ${held.text}.` });
  const goesOn = async (): Promise<true | undefined> => {
    if (held !== undefined) await resume(held, process, paths, context.host);
    held = await poll(() => whatHolds(process, paths, context.host), { withinMs: 1_000, signal: context.signal });
    return held?.resume === undefined ? true : undefined;
  };
  await poll(goesOn, { withinMs: left(), everyMs: 1_000, signal: context.signal });
  return held;
}

async function resume(
  { resume: how }: Held,
  process: HostProcess,
  { qmpSocket }: Pick<MachinePaths, 'qmpSocket'>,
  host: Host,
): Promise<string | undefined> {
  if (how === undefined) return undefined;
  if (how === 'SIGCONT') {
    await host.signal(process, how);
    return undefined;
  }
  return await qmpCommand(qmpSocket, how, host).then(() => undefined, messageOf);
}
