import type { ServeEntry } from '../spec/service.ts';
import type { TailscaleStatus } from '../tailnet/tailscale-json.ts';
import { servedFor } from './checks/node.ts';
import type { Facts, Target } from './facts.ts';

/** What a person types for the service at this host name or address and port: a URL where it speaks HTTP. */
export function typedAddress({ protocol }: Pick<Target, 'protocol'>, host: string, port: number): string {
  return protocol === 'http' ? `http://${host}:${port}/` : `${host}:${port}`;
}

export function routedAddress({ target }: Facts): string {
  return typedAddress(target, target.bridgeAddress ?? '', target.port);
}

export function serveAddress(facts: Facts): string | undefined {
  return servedAddress(facts.guest?.status, facts.target, servedFor(facts));
}

export function servedAddress(
  status: TailscaleStatus | undefined,
  target: Target,
  served: ServeEntry | undefined,
): string | undefined {
  const host = nodeName(status);
  if (served === undefined || host === undefined) return undefined;
  const { as, port } = served;
  if (as === 'tcp') return typedAddress(target, host, port);
  const isDefault = (as === 'http' && port === 80) || (as === 'https' && port === 443);
  return `${as}://${host}${isDefault ? '' : `:${port}`}/`;
}

export function nodeAddress(status: TailscaleStatus | undefined, target: Target, port: number): string | undefined {
  const host = nodeName(status);
  return host === undefined ? undefined : typedAddress(target, host, port);
}

/** The name of the node where the tailnet has names, else its address. */
function nodeName(status: TailscaleStatus | undefined): string | undefined {
  const name = status?.Self.DNSName.replace(/\.$/, '') ?? '';
  return name === '' ? status?.Self.TailscaleIPs?.[0] : name;
}
