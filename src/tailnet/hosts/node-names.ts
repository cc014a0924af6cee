import type { TailscaleStatus } from '../tailscale-json.ts';
import { withoutDot } from '../tailscale-json.ts';

/** A node of the tailnet as a hosts file knows it. */
export interface NodeNames {
  /** IPv4 and IPv6, as the tailnet has them. */
  readonly addresses: readonly string[];
  /** The full one first: `web.tailnet.test`, `web`. */
  readonly names: readonly string[];
}

/** The letters of a host name (RFC 952, RFC 1123): what else a control server may send gets into no file. */
const NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;
const ADDRESS = /^[0-9a-f.:]+$/i;
/** A node may call itself so; nobody may be led there. */
const RESERVED = /^(localhost|localdomain|ip6-.*|broadcasthost)$/i;

/**
 * This node and all others, by name. A node of the own tailnet has its short name, too; one that was shared from another tailnet, or is an exit node for sale, has
 * its full name only. Pure.
 */
export function nodeNames({ Self: self, Peer: peers }: TailscaleStatus): readonly NodeNames[] {
  const suffix = parts(self.DNSName).domain;
  const found = [self, ...Object.values(peers ?? {})].flatMap(({ DNSName, TailscaleIPs }): NodeNames[] => {
    const { full, short, domain } = parts(DNSName);
    const addresses = (TailscaleIPs ?? []).filter((address) => ADDRESS.test(address));
    if (!NAME.test(full) || domain === '' || addresses.length === 0) return [];
    const isOwn = domain === suffix && !RESERVED.test(short);
    return [{ addresses, names: isOwn ? [full, short] : [full] }];
  });
  return found.sort((one, other) => compare(one.names[0] ?? '', other.names[0] ?? ''));
}

function parts(dnsName: string): { full: string; short: string; domain: string } {
  const full = withoutDot(dnsName).toLowerCase();
  const dot = full.indexOf('.');
  return dot < 0 ? { full, short: full, domain: '' } : { full, short: full.slice(0, dot), domain: full.slice(dot + 1) };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
