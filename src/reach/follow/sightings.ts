import * as z from 'zod';
import { parseJson } from '../../core/json.ts';
import type { Observation } from '../observation.ts';
import { type KernelWord, kernelWords } from './kernel-word.ts';
import { HOOKS, type Hook } from './watch-script.ts';

/** Packets of one direction of one connection, as one hook saw them. */
export interface Sighting {
  readonly hook: Hook;
  /** All packets, those that take a connection (SYN and ACK), or those with data. */
  readonly kind: 'any' | 'taken' | 'data';
  /** The interface: `tailscale0`, `lo`. */
  readonly link: string;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly packets: number;
}

/** A packet that a rule, or the policy of a chain, ended, in nft's own words. */
export interface TracedDrop {
  /** `inet filter input`. */
  readonly chain: string;
  /** `tcp dport 3000 drop`, `policy drop`. */
  readonly rule: string;
  /** The packet, as nft tells it, where it did. */
  readonly packet: string;
}

/** What the kernel's routes and policy rules say of a connection that was not taken: of its way in, and of the answer's way out. */
export interface Routes {
  readonly in: Observation | undefined;
  readonly back: Observation | undefined;
}

/** What one machine saw of the connections while a peer dialled. */
export interface Watched {
  readonly sightings: readonly Sighting[];
  readonly drops: readonly TracedDrop[];
  /** Counters of the kernel that rose meanwhile and tell of a loss: `TcpExt ListenDrops` by 3. */
  readonly risen: ReadonlyMap<string, number>;
  /** Of Tailscale, by name with labels: how many packets came, went, were dropped meanwhile. */
  readonly metrics: ReadonlyMap<string, number>;
  /** `ss -Hltnp`, what Tailscale's packet filter lets in; undefined where it was not asked. */
  readonly sockets: string | undefined;
  readonly filter: string | undefined;
  /** The mark that a rule gave to traced packets: `0x80000`. */
  readonly mark: string | undefined;
  /** What the kernel itself says of packets that it ended; undefined where it does not tell. */
  readonly words: readonly KernelWord[] | undefined;
  /** Undefined where no connection was left without an answer. */
  readonly routes?: Routes | undefined;
}

const element = z.object({
  elem: z.object({
    val: z.object({ concat: z.tuple([z.string(), z.string(), z.number(), z.string(), z.number()]) }),
    counter: z.object({ packets: z.number() }),
  }),
});
const flows = z.object({
  nftables: z.array(z.object({ set: z.object({ name: z.string(), elem: z.array(element).default([]) }).optional() })),
});

/** Reads what a watch printed; undefined where its table could not be made, so that nothing can be said of what was not seen. */
export function readWatched(printed: string): Watched | undefined {
  const parts = new Map<string, string>();
  for (const part of printed.split(/^==> (?=\S+ <==$)/m).slice(1)) {
    const end = part.indexOf('\n');
    parts.set(part.slice(0, part.indexOf(' ')), part.slice(end + 1).trimEnd());
  }
  const sets = parseJson(parts.get('flows'), flows)?.nftables.flatMap((each) => each.set ?? []);
  if (sets === undefined || sets.length === 0) return undefined;
  return {
    sightings: sets.flatMap(({ name, elem }) => elem.flatMap((each) => sightingOf(name, each))),
    drops: tracedDrops(parts.get('trace') ?? ''),
    risen: rises(kernelCounters(parts.get('counters-before') ?? ''), kernelCounters(parts.get('counters') ?? '')),
    metrics: rises(metricsIn(parts.get('metrics-before') ?? ''), metricsIn(parts.get('metrics') ?? '')),
    sockets: parts.get('sockets'),
    filter: parts.get('filter'),
    mark: /^trace id .* mark (0x[0-9a-f]+)/m.exec(parts.get('trace') ?? '')?.[1],
    words: kernelWords(parts.get('kernel')),
  };
}

function sightingOf(set: string, { elem: { val, counter } }: z.infer<typeof element>): Sighting[] {
  const [name = '', suffix = 'any'] = set.split('_');
  const hook = HOOKS.find((each) => each === name);
  const kind = (['any', 'taken', 'data'] as const).find((each) => each === suffix);
  if (hook === undefined || kind === undefined) return [];
  const [link, from, fromPort, to, toPort] = val.concat;
  return [{ hook, kind, link, from, fromPort, to, toPort, packets: counter.packets }];
}

/** Lines of `nft monitor trace` (nft(8), "Monitor"): a packet is told before the first rule of each chain that it meets. */
function tracedDrops(text: string): TracedDrop[] {
  const packets = new Map<string, string>();
  const drops = new Map<string, TracedDrop>();
  for (const line of text.split('\n')) {
    const [, id = '', chain = '', rest = ''] = /^trace id (\S+) (\S+ \S+ \S+) (.*)$/.exec(line) ?? [];
    if (rest.startsWith('packet: ')) packets.set(id, rest.slice('packet: '.length).trim());
    const [, byRule] = /^rule (.*) \(verdict drop\)/.exec(rest) ?? [];
    const rule =
      byRule ??
      (/^policy drop/.test(rest) ? 'policy drop' : /^unknown rule .*\(verdict drop\)/.test(rest) ? rest : undefined);
    if (rule !== undefined)
      drops.set(`${chain} ${rule} ${packets.get(id) ?? id}`, { chain, rule, packet: packets.get(id) ?? '' });
  }
  return [...drops.values()];
}

/** Those that tell of a packet that was lost; the rest counts what is well. */
const TELLING =
  /^(Ip (InHdrErrors|InAddrErrors|InDiscards|OutDiscards|OutNoRoutes|FragFails)|Tcp (AttemptFails|OutRsts|InErrs)|TcpExt (ListenOverflows|ListenDrops|TCPBacklogDrop|IPReversePathFilter|TCPReqQFullDrop|TCPZeroWindowDrop|TCPTimeouts|TCPAbortOnMemory|TCPMemoryPressures|TCPRcvQDrop)|IpExt (InNoRoutes|InTruncatedPkts|InCsumErrors)|conntrack (insert_failed|drop|early_drop)|softnet dropped)$/;

/** /proc/net/snmp and netstat have a line of names and a line of values; the others a line for each processor, in hexadecimal. */
function kernelCounters(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const add = (name: string, value: number): void => {
    if (TELLING.test(name)) found.set(name, (found.get(name) ?? 0) + value);
  };
  for (const section of text.split(/^-- /m).slice(1)) {
    const [file = '', ...lines] = section.trim().split('\n');
    const rows = lines.map((line) => line.trim().split(/\s+/));
    if (file === 'snmp' || file === 'netstat') {
      for (const [at, values] of rows.entries()) {
        // Names are in each line before its values.
        const [kind = '', ...names] = (at % 2 === 1 ? rows[at - 1] : undefined) ?? [];
        for (const [index, name] of names.entries()) add(`${kind.replace(':', '')} ${name}`, Number(values[index + 1]));
      }
    } else if (file === 'softnet_stat') {
      for (const [, dropped = '0'] of rows) add('softnet dropped', Number.parseInt(dropped, 16));
    } else {
      const [names = [], ...values] = rows;
      for (const row of values) {
        for (const [index, name] of names.entries()) add(`conntrack ${name}`, Number.parseInt(row[index] ?? '0', 16));
      }
    }
  }
  return found;
}

function metricsIn(text: string): Map<string, number> {
  return new Map(
    text.split('\n').flatMap((line): [string, number][] => {
      const [, name, value] = /^(tailscaled_\S+) (\d+)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, Number(value)]];
    }),
  );
}

function rises(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Map<string, number> {
  return new Map(
    [...after].flatMap(([name, value]): [string, number][] => {
      const rose = value - (before.get(name) ?? 0);
      return rose > 0 ? [[name, rose]] : [];
    }),
  );
}
