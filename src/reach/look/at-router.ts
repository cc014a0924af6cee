import type { Host } from '../../host/host.ts';
import { GUEST_PATH } from '../../spec/guest-path.ts';
import type { NodeFacts, Target } from '../facts.ts';
import { observeScript, readObservations } from '../observation.ts';
import { NODE_COMMANDS, readNodeFacts } from './node-facts.ts';

/** Another machine as a node that routes to the target's bridge address. */
export async function lookAtRouter(machine: string, target: Target, guest: Pick<Host, 'exec'>): Promise<NodeFacts> {
  const commands = {
    ...NODE_COMMANDS,
    bridge: `/run/vmkit/busybox nc -w 5 ${target.bridgeAddress} ${target.port} -e /bin/true`,
  };
  const { stdout } = await guest.exec(['sh'], { input: observeScript(commands, GUEST_PATH), withinMs: 10_000 });
  const observed = readObservations(stdout, commands, 'router');
  return readNodeFacts(machine, observed);
}
