import { endpointText, hostText } from '../net/endpoint.ts';
import type { Served, TailscaleStatus } from '../tailnet/tailscale-json.ts';
import { withoutDot } from '../tailnet/tailscale-json.ts';
import { servedFor } from './checks/node.ts';
import type { Facts, Target } from './facts.ts';

/** What a person types for the service at this host name or address and port: a URL where it speaks HTTP. */
export function typedAddress({ protocol }: Pick<Target, 'protocol'>, host: string, port: number): string {
  const at = endpointText({ address: host, port });
  return protocol === 'http' ? `http://${at}/` : at;
}

export function routedAddress({ target }: Facts): string {
  return typedAddress(target, target.bridgeAddress ?? '', target.port);
}

export function serveAddress(facts: Facts): string | undefined {
  return servedAddress(facts.guest?.status, facts, servedFor(facts));
}

export function servedAddress(
  status: TailscaleStatus | undefined,
  facts: Facts,
  served: Served | undefined,
): string | undefined {
  const host = nodeName(status, facts);
  if (served === undefined || host === undefined) return undefined;
  const { as, port, path } = served;
  if (as === 'tcp') return typedAddress(facts.target, host, port);
  const isDefault = (as === 'http' && port === 80) || (as === 'https' && port === 443);
  return `${as}://${isDefault ? hostText(host) : endpointText({ address: host, port })}${path}`;
}

export function nodeAddress(facts: Facts): string | undefined {
  const host = nodeName(facts.guest?.status, facts);
  return host === undefined ? undefined : typedAddress(facts.target, host, facts.target.port);
}

/** The name of the node where the tailnet has names that the peer resolves, else its address. */
function nodeName(status: TailscaleStatus | undefined, { peer }: Facts): string | undefined {
  const name = withoutDot(status?.Self.DNSName ?? '');
  return name === '' || peer?.resolvesNames === false ? status?.Self.TailscaleIPs?.[0] : name;
}
