import type { Sighting } from './sighting.ts';

/** What another machine says of a packet that did not get on (ICMP, RFC 792 and RFC 4443). */
export interface Notice extends Pick<Sighting, 'link' | 'from' | 'fromPort' | 'to' | 'toPort'> {
  /** Who says so: a router, or the machine that the packet went to. */
  readonly by: string;
  /** `host unreachable`. */
  readonly says: string;
  /** The largest packet that gets on, in bytes; undefined: the size is not the reason. */
  readonly mtu: number | undefined;
}

const ICMP = 1;
const UNREACHABLE = [
  'network unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'packet too big',
];
const UNREACHABLE6 = [
  'no route',
  'administratively prohibited',
  'beyond the scope of its address',
  'address unreachable',
  'port unreachable',
  'its source address is refused',
  'its route is refused',
];
const PROHIBITED = [9, 10, 13];

/** The notices among what `wireProgram` printed that came to this machine. */
export function noticesIn(printed: string | undefined): Notice[] {
  return (printed ?? '').split('\n').flatMap((line) => {
    const [told, hook, link = '', by = '', ...rest] = line.split(' ');
    if (told !== 'told' || hook !== 'came') return [];
    const [protocol = 0, type = 0, code = 0, mtu = 0] = rest.slice(0, 4).map(Number);
    const [from = '', fromPort, to = '', toPort] = rest.slice(4);
    const says = protocol === ICMP ? saysIcmp(type, code) : saysIcmp6(type, code);
    const ends = { from, fromPort: Number(fromPort), to, toPort: Number(toPort) };
    return [{ link, by, says, mtu: says === 'packet too big' ? mtu : undefined, ...ends }];
  });
}

function saysIcmp(type: number, code: number): string {
  if (type === 11) return 'time to live exceeded';
  return PROHIBITED.includes(code) ? 'administratively prohibited' : (UNREACHABLE[code] ?? `unreachable, code ${code}`);
}

function saysIcmp6(type: number, code: number): string {
  if (type === 1) return UNREACHABLE6[code] ?? `unreachable, code ${code}`;
  return type === 2 ? 'packet too big' : type === 3 ? 'hop limit exceeded' : `ICMPv6 type ${type}, code ${code}`;
}
