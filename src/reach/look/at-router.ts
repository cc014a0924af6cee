import type { Host } from '../../host/host.ts';
import type { NodeFacts, Target } from '../facts.ts';
import { observeScript, readObservations } from '../observation.ts';
import { FILTERS, NODE_COMMANDS, readNodeFacts } from './node-facts.ts';

/** Another machine as a node that routes to the target's bridge address. */
export async function lookAtRouter(machine: string, target: Target, guest: Pick<Host, 'exec'>): Promise<NodeFacts> {
  const commands = {
    ...NODE_COMMANDS,
    bridge: `/run/vmkit/busybox nc -w 5 ${target.bridgeAddress} ${target.port} -e /bin/true`,
    filters: FILTERS,
  };
  const { stdout } = await guest.exec(['sh'], { input: observeScript(commands), withinMs: 10_000 });
  const observed = readObservations(stdout, commands, 'router');
  return readNodeFacts({ title: `the machine ${machine}`, machine }, observed, observed.get('filters')?.output);
}
