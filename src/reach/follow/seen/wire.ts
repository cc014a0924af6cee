import type { Sighting } from './sighting.ts';

/** One packet that an interface of a machine took in (`came`) or sent out (`went`), or saw on its way to the network card of another one (`passed`). */
export interface WirePacket {
  readonly hook: 'came' | 'went' | 'passed';
  readonly link: string;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  /** Bytes of the connection itself. */
  readonly length: number;
}

/** What `wireProgram` printed; undefined: it could not listen. */
export function wirePackets(printed: string | undefined): WirePacket[] | undefined {
  if (printed === undefined || !printed.startsWith('on')) return undefined;
  return printed.split('\n').flatMap((line) => {
    const [hook, link = '', from = '', fromPort, to = '', toPort, ...rest] = line.split(' ');
    const [flags, seq, ack, length] = rest.map(Number);
    if ((hook !== 'came' && hook !== 'went' && hook !== 'passed') || length === undefined) return [];
    const ports = { fromPort: Number(fromPort), toPort: Number(toPort) };
    return [{ hook, link, from, to, ...ports, flags: flags ?? 0, seq: seq ?? 0, ack: ack ?? 0, length }];
  });
}

const HOOKS_OF = { came: 'arrived', went: 'left', passed: 'passed' } as const;
export const [FIN, SYN, RST, ACK] = [0x01, 0x02, 0x04, 0x10];

/** The same as sightings at `arrived`, `left` and `passed`. */
export function wireSightings(packets: readonly WirePacket[]): Sighting[] {
  const found = new Map<string, Sighting>();
  for (const { hook, flags, seq: _, ack: __, length, ...ends } of packets) {
    const kinds: Sighting['kind'][] = ['any'];
    if ((flags & (SYN | ACK)) === (SYN | ACK)) kinds.push('taken');
    if (length > 0) kinds.push('data');
    for (const kind of kinds) {
      const key = [hook, kind, ...Object.values(ends)].join(' ');
      const count = (found.get(key)?.packets ?? 0) + 1;
      found.set(key, { hook: HOOKS_OF[hook], kind, ...ends, packets: count });
    }
  }
  return [...found.values()];
}
