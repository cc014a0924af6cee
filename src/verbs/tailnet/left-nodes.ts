import { VmkitError } from '../../core/errors/errors.ts';
import type { MachineNode } from '../../machine/disks/identity.ts';
import { findControlOf } from '../../tailnet/control/choose-control.ts';
import type { Device } from '../../tailnet/control/control.ts';
import type { VerbContext } from '../step.ts';

/** What became of the nodes of a machine that was deleted. */
export interface LeftNodes {
  readonly hostname: string;
  readonly loginServer: string | undefined;
  readonly removed: readonly Device[];
  /** Why some may be there yet; undefined: none is. */
  readonly why: string | undefined;
}

/**
 * Removes from a tailnet what a machine left there, if `agree` says so. Its nodes are those that call themselves as it did and are not online: it may have joined more
 * than once. Whatever goes wrong is told and not thrown, since the machine is gone by then.
 */
export async function removeLeftNodes(
  { hostname, loginServer }: MachineNode,
  agree: (nodes: readonly Device[]) => Promise<boolean>,
  context: VerbContext,
): Promise<LeftNodes> {
  const removed: Device[] = [];
  const end = (why?: string): LeftNodes => ({ hostname, loginServer, removed, why });
  try {
    const control = await findControlOf(loginServer, context.builder.host, context.signal);
    if (control === undefined) return end('there are no credentials for its control server: docs/tailnet.md');
    const named = (await control.devices()).filter((each) => each.hostname === hostname);
    const nodes = named.filter(({ isOnline }) => isOnline !== true);
    if (nodes.length === 0)
      return end(named.length === 0 ? undefined : 'one is online, so it is not the machine that is off');
    if (!(await agree(nodes))) return end('nobody said that it may go');
    for (const node of nodes) {
      await control.removeDevice(node.id);
      removed.push(node);
    }
    return end();
  } catch (error) {
    if (error instanceof VmkitError) return end([error.message, error.hint ?? ''].join(' ').replace(/\.? *$/, ''));
    throw error;
  }
}
