/** An IPv4 subnet: the first address as an unsigned 32-bit number, and the length of the prefix. */
export interface Subnet {
  readonly base: number;
  readonly bits: number;
}

/** RFC 1918, in the order in which a free subnet is looked for. */
const PRIVATE = ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8'];

export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** `192.168.100.0/24`; an address alone is a /32. Undefined for anything else, bits set below the prefix included. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', length = '32', ...rest] = text.split('/');
  const base = parseAddress(address);
  const bits = Number(length);
  if (base === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || bits > 32) return undefined;
  return base % sizeOf(bits) === 0 ? { base, bits } : undefined;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

export function formatSubnet({ base, bits }: Subnet): string {
  return `${formatAddress(base)}/${bits}`;
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return one.base < other.base + sizeOf(other.bits) && other.base < one.base + sizeOf(one.bits);
}

export function isPrivate(subnet: Subnet): boolean {
  return privateRanges().some((range) => subnet.bits >= range.bits && overlaps(range, subnet));
}

/** A private subnet of this length that overlaps none of `taken`: from 192.168.100.0 on, then the rest of RFC 1918. */
export function freeSubnet(bits: number, taken: readonly Subnet[]): Subnet | undefined {
  const usual = Math.floor((parseAddress('192.168.100.0') ?? 0) / sizeOf(bits)) * sizeOf(bits);
  for (const range of [{ base: usual, bits: 0 }, ...privateRanges()]) {
    for (let base = range.base; base < 2 ** 32; base += sizeOf(bits)) {
      const candidate = { base, bits };
      if (!isPrivate(candidate) || (range.bits > 0 && !overlaps(range, candidate))) break;
      if (!taken.some((each) => overlaps(each, candidate))) return candidate;
    }
  }
  return undefined;
}

function privateRanges(): Subnet[] {
  return PRIVATE.flatMap((text) => parseSubnet(text) ?? []);
}

function sizeOf(bits: number): number {
  return 2 ** (32 - bits);
}

/** The MAC of the machine with this address: locally administered (IEEE 802), its last three bytes those of the address; the same at every start. */
export function machineMac(address: number): string {
  const bytes = [16, 8, 0].map((shift) => ((address >>> shift) & 255).toString(16).padStart(2, '0'));
  return ['52', '54', '01', ...bytes].join(':');
}
