import { poll } from '../core/deadline.ts';
import { VmkitError } from '../core/errors/errors.ts';
import type { MachinePaths } from '../core/paths.ts';
import type { Host, HostProcess } from '../host/host.ts';
import { vmmOf } from './vmm/drivers.ts';
import type { Held } from './vmm/vmm.ts';
import type { VmmName } from './vmm/vmm-facts.ts';

/** A machine's monitor as it runs. */
export interface Monitor extends HostProcess {
  readonly vmm: VmmName;
}

type Sockets = Pick<MachinePaths, 'controlSocket'>;

/** What holds a guest, after one that waits for room on a disk was told to go on: it pauses anew where there is none. */
export async function whatStillHolds(monitor: Monitor, paths: Sockets, host: Host): Promise<Held | undefined> {
  const vmm = vmmOf(monitor);
  const held = await vmm.whatHolds(monitor, paths, host);
  if (held?.kind !== 'no-room') return held;
  await vmm.resume(held, monitor, paths, host).catch(() => undefined);
  return await poll(() => vmm.whatHolds(monitor, paths, host), { withinMs: 1_000 });
}

/** Throws `disk-full` or `machine-paused` when a machine that runs cannot be talked to, since its guest does not. */
export async function requireGoing(
  machine: Monitor & { readonly name: string },
  paths: Sockets,
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
export function codeOf({ kind }: Held): 'disk-full' | 'machine-paused' {
  return kind === 'no-room' ? 'disk-full' : 'machine-paused';
}
