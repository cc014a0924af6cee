import { endpointText, hostText } from '../../../net/endpoint.ts';

/** A packet that a rule, or the policy of a chain, ended, in nft's own words. */
export interface TracedDrop {
  /** `inet filter input`. */
  readonly chain: string;
  /** `tcp dport 3000 drop`, `policy drop`. */
  readonly rule: string;
  /** The packet, as nft tells it, where it did. */
  readonly packet: string;
}

/** A rule gave a packet another destination: an address, a port. */
export interface Rewrite extends TracedDrop {
  /** `10.9.0.1:3001`. */
  readonly to: string;
}

export interface Trace {
  readonly drops: readonly TracedDrop[];
  readonly rewrites: readonly Rewrite[];
  /** That a rule gave to traced packets: `0x80000`. */
  readonly mark: string | undefined;
}

/** Reads lines of `nft monitor trace` (nft(8), "Monitor"): a packet is told before the first rule of each chain that it meets. */
export function readTrace(text: string): Trace {
  const packets = new Map<string, string>();
  const rules = new Map<string, { readonly chain: string; readonly rule: string }>();
  const drops = new Map<string, TracedDrop>();
  const rewrites = new Map<string, Rewrite>();
  for (const line of text.split('\n')) {
    const [, id = '', chain = '', rest = ''] = /^trace id (\S+) (\S+ \S+ \S+) (.*)$/.exec(line) ?? [];
    if (rest.startsWith('packet: ')) {
      const packet = rest.slice('packet: '.length).trim();
      const before = packets.get(id);
      const by = rules.get(id);
      const [from, to] = [destinationOf(before ?? ''), destinationOf(packet)];
      if (before !== undefined && by !== undefined && from !== to && to !== '' && !REWRITING.test(by.rule)) {
        rewrites.set(`${by.chain} ${by.rule}`, { ...by, packet: before, to });
      }
      packets.set(id, packet);
      continue;
    }
    const [, rule = ''] = /^rule (.*) \(verdict /.exec(rest) ?? [];
    if (rule !== '') rules.set(id, { chain, rule });
    const to = REWRITING.exec(rule)?.[1];
    if (to !== undefined) rewrites.set(`${chain} ${rule}`, { chain, rule, packet: packets.get(id) ?? '', to });
    const dropped = droppedBy(rest);
    if (dropped === undefined) continue;
    const packet = packets.get(id) ?? '';
    drops.set(`${chain} ${dropped} ${packet || id}`, { chain, rule: dropped, packet });
  }
  const mark = /^trace id .* (?:mark|mark set) (0x[0-9a-f]+)/m.exec(text)?.[1];
  return { drops: [...drops.values()], rewrites: [...rewrites.values()], mark };
}

/** What a rule itself says of another destination: a packet that ends right behind it is told no more. */
const REWRITING = /\b(?:dnat(?: ip6?)? to|redirect to|[td]proxy(?: ip6?)? to|fwd to|dport set|daddr set) (\S+)/;

function droppedBy(rest: string): string | undefined {
  const [, rule] = /^rule (.*) \(verdict drop\)/.exec(rest) ?? [];
  if (rule !== undefined) return rule;
  if (rest.startsWith('policy drop')) return 'policy drop';
  return /^unknown rule .*\(verdict drop\)/.test(rest) ? rest : undefined;
}

function destinationOf(packet: string): string {
  const [, address, port] = /ip6? daddr (\S+) .*tcp dport (\d+)/.exec(packet) ?? [];
  return address === undefined || port === undefined ? '' : endpointText({ address, port: Number(port) });
}

/** The two ends of a traced packet, and its interface, for a person. */
export function shorten(packet: string): string {
  const [, link = ''] = /(?:iif|oif) "([^"]+)"/.exec(packet) ?? [];
  const [, from = ''] = /ip6? saddr (\S+)/.exec(packet) ?? [];
  const [, to = ''] = /ip6? daddr (\S+)/.exec(packet) ?? [];
  const ports = /(?:tcp|udp) sport (\d+) (?:tcp|udp) dport (\d+)/.exec(packet);
  return `${hostText(from)}:${ports?.[1] ?? ''} to ${hostText(to)}:${ports?.[2] ?? ''} on ${link}`;
}
