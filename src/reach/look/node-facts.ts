import { parseJson } from '../../core/text/json.ts';
import { serveConfig, tailscalePrefs, tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import type { NodeFacts } from '../facts.ts';
import type { Observation } from '../observation.ts';

/** What is looked at on a node that a way may lead through, as a person would type it there. */
export const NODE_COMMANDS = {
  status: 'timeout 8 tailscale status --json --peers=false',
  serve: 'timeout 8 tailscale serve status --json',
  prefs: 'timeout 8 tailscale debug prefs',
  forward: 'grep . /proc/sys/net/ipv4/conf/*/forwarding',
  addresses: 'ip -br -4 address',
} as const;

/** `machine`: undefined for the host. */
export function readNodeFacts(
  { title, machine }: Pick<NodeFacts, 'title' | 'machine'>,
  observed: ReadonlyMap<string, Observation>,
): NodeFacts {
  const status = parseJson(observed.get('status')?.output, tailscaleStatus);
  return {
    title,
    machine,
    observed,
    status,
    serve: parseJson(observed.get('serve')?.output, serveConfig),
    prefs: parseJson(observed.get('prefs')?.output, tailscalePrefs),
    link: linkWith(status?.Self.TailscaleIPs?.[0], observed.get('addresses')?.output ?? ''),
  };
}

/** The interface that has the node's address, of `ip -br address`: a name of one's own (`tailscaled --tun`) is possible. */
function linkWith(address: string | undefined, text: string): string {
  const line = text.split('\n').find((each) => address !== undefined && each.includes(` ${address}/`));
  return line?.split(/\s+/)[0] ?? 'tailscale0';
}
