import * as z from 'zod';
import { parseJson } from '../../../core/text/json.ts';
import type { Observation } from '../../observation.ts';
import { kernelCounters } from './counters.ts';
import { earlierThan } from './earlier.ts';
import { type KernelWord, kernelWords } from './kernel-word.ts';
import { type Notice, noticesIn } from './notices.ts';
import { HOOKS, type Sighting } from './sighting.ts';
import { type Stream, streamsOf } from './streams.ts';
import { type Rewrite, readTrace, type TracedDrop } from './trace.ts';
import { type WirePacket, wirePackets, wireSightings } from './wire.ts';

/** What the kernel's routes and policy rules say of a connection that was not taken: of its way in, and of the answer's way out. */
export interface Routes {
  readonly in: Observation | undefined;
  readonly back: Observation | undefined;
  /** Those whom the network was asked for in vain. */
  readonly neighbours?: Observation | undefined;
  /** What is bound to the interface that it came in by. */
  readonly interface?: Observation | undefined;
}

/** What one machine saw of the connections while a peer dialled. */
export interface Watched {
  readonly sightings: readonly Sighting[];
  readonly drops: readonly TracedDrop[];
  readonly rewrites: readonly Rewrite[];
  /** What was said on each connection, byte by byte; undefined where no interface was listened to. */
  readonly streams: readonly Stream[] | undefined;
  /** What other machines said of its packets. */
  readonly notices: readonly Notice[];
  /** Counters of the kernel that rose meanwhile and tell of a loss: `TcpExt ListenDrops` by 3. */
  readonly risen: ReadonlyMap<string, number>;
  /** Of Tailscale, by name with labels: how many packets came, went, were dropped meanwhile. */
  readonly metrics: ReadonlyMap<string, number>;
  /** The processes that have a watched port. */
  readonly holders: readonly Holder[];
  /** `ss -Hltnp`, what Tailscale's packet filter lets in; undefined where it was not asked. */
  readonly sockets: string | undefined;
  readonly filter: string | undefined;
  /** How tailscaled's process stood, and the time that it used where it answered nothing; undefined where that was not seen. */
  readonly daemon?: string | undefined;
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

/** A process that listens on a port. */
export interface Holder {
  readonly port: number;
  /** proc_pid_stat(5): T, a signal halts it. */
  readonly state: string;
  /** Files that it has open, and how many it may. */
  readonly files: number;
  readonly mayFiles: number;
}

function holdersIn(printed: string | undefined): Holder[] {
  return (printed ?? '').split('\n').flatMap((line) => {
    const [, port, state = '', files, mayFiles] = /^(\d+) \d+ (\w) (\d+) (\d+)$/.exec(line) ?? [];
    return port === undefined ? [] : [{ port: Number(port), state, files: Number(files), mayFiles: Number(mayFiles) }];
  });
}

/** Reads what a watch of some ports printed; undefined where its table could not be made, so that nothing can be said of what was not seen. */
export function readWatched(printed: string, ports: readonly number[]): Watched | undefined {
  const parts = new Map<string, string>();
  for (const part of printed.split(/^==> (?=\S+ <==$)/m).slice(1)) {
    const end = part.indexOf('\n');
    parts.set(part.slice(0, part.indexOf(' ')), part.slice(end + 1).trimEnd());
  }
  const sets = parseJson(parts.get('flows'), flows)?.nftables.flatMap((each) => each.set ?? []);
  if (sets === undefined || sets.length === 0) return undefined;
  const chains = sets.flatMap(({ name, elem }) => elem.flatMap((each) => sightingOf(name, each)));
  const wire = wirePackets(parts.get('wire'));
  return {
    ...readTrace(parts.get('trace') ?? ''),
    sightings: wire === undefined ? chains : withWire(chains, wire, earlierThan(wire, ports)),
    streams: wire && streamsOf(wire),
    notices: noticesIn(parts.get('wire')),
    risen: rises(kernelCounters(parts.get('counters-before') ?? ''), kernelCounters(parts.get('counters') ?? '')),
    metrics: rises(metricsIn(parts.get('metrics-before') ?? ''), metricsIn(parts.get('metrics') ?? '')),
    holders: holdersIn(parts.get('holders')),
    sockets: parts.get('sockets'),
    filter: parts.get('filter'),
    daemon: parts.get('daemon'),
    words: kernelWords(parts.get('kernel')),
  };
}

/** What an interface saw comes before all chains, or behind them. Of more packets than it listened to the chains know. */
function withWire(
  chains: readonly Sighting[],
  wire: readonly WirePacket[],
  isEarlier: ReturnType<typeof earlierThan>,
): Sighting[] {
  const behind = { arrived: 'entered', left: 'queued' } as const;
  const seen = wireSightings(wire);
  const isSeen = (each: Sighting): boolean =>
    seen.some(
      ({ hook, kind, link, from, fromPort, toPort }) =>
        hook === each.hook &&
        kind === each.kind &&
        link === each.link &&
        from === each.from &&
        fromPort === each.fromPort &&
        toPort === each.toPort,
    );
  return chains
    .flatMap((each) => {
      if (each.hook !== 'arrived' && each.hook !== 'left') return [each];
      const own = { ...each, hook: behind[each.hook] };
      return each.hook === 'arrived' && !isSeen(each) ? [own, each] : [own];
    })
    .concat(seen)
    .filter((each) => !isEarlier(each));
}

function sightingOf(set: string, { elem: { val, counter } }: z.infer<typeof element>): Sighting[] {
  const [, name, suffix = 'any'] = /^([a-z]+)6?(?:_([a-z]+))?$/.exec(set) ?? [];
  const hook = HOOKS.find((each) => each === name);
  const kind = (['any', 'taken', 'data'] as const).find((each) => each === suffix);
  if (hook === undefined || kind === undefined) return [];
  const [link, from, fromPort, to, toPort] = val.concat;
  return [{ hook, kind, link, from, fromPort, to, toPort, packets: counter.packets }];
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
