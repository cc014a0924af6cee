import { parseJson } from '../../core/json.ts';
import { serveConfig, tailscalePrefs, tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import type { NodeFacts } from '../facts.ts';
import type { Observation } from '../observation.ts';
import { forwardDrops } from './forward-drops.ts';

/** What is looked at on a node that a way may lead through, as a person would type it there. */
export const NODE_COMMANDS = {
  status: 'timeout 8 tailscale status --json --peers=false',
  serve: 'timeout 8 tailscale serve status --json',
  prefs: 'timeout 8 tailscale debug prefs',
  forward: 'grep . /proc/sys/net/ipv4/conf/*/forwarding',
  addresses: 'ip -br -4 address',
} as const;

export const FILTERS = 'nft -j list ruleset';

/** `machine`: undefined for the host. `filters`: what FILTERS printed; undefined where it was not seen. */
export function readNodeFacts(
  { title, machine }: Pick<NodeFacts, 'title' | 'machine'>,
  observed: ReadonlyMap<string, Observation>,
  filters: string | undefined,
): NodeFacts {
  const status = parseJson(observed.get('status')?.output, tailscaleStatus);
  const drops = forwardDrops(filters);
  return {
    title,
    machine,
    observed,
    status,
    serve: parseJson(observed.get('serve')?.output, serveConfig),
    prefs: parseJson(observed.get('prefs')?.output, tailscalePrefs),
    link: linkWith(status?.Self.TailscaleIPs?.[0], observed.get('addresses')?.output ?? ''),
    drops: drops === undefined ? undefined : { before: drops, after: drops },
  };
}

/** The interface that has the node's address, of `ip -br address`: a name of one's own (`tailscaled --tun`) is possible. */
function linkWith(address: string | undefined, text: string): string {
  const line = text.split('\n').find((each) => address !== undefined && each.includes(` ${address}/`));
  return line?.split(/\s+/)[0] ?? 'tailscale0';
}

/** The same node after a dial that failed: what its filter dropped meanwhile. */
export function withDropsAfter<T extends NodeFacts | undefined>(node: T, filters: string | undefined): T {
  const after = forwardDrops(filters);
  if (node?.drops === undefined || after === undefined) return node;
  return { ...node, drops: { ...node.drops, after } };
}
