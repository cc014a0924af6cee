import { overlaps, parseSubnet } from '../../core/addresses/ipv4.ts';

/**
 * Ports of machines at the addresses that a phone's VPN apps have: a line `PORT_GUEST_PORT` each in `wanted`; the supervisor opens each at every address of a tunN, and has
 * a file `ADDRESS_PORT_GUEST_PORT` in `open` for it.
 */
export const PHONE_PORTS = {
  wanted: '/data/adb/vmkit/ports',
  open: '/data/adb/vmkit/doors',
  /** Who writes a line here is heard by the supervisor at once. */
  events: '/data/adb/vmkit/events',
} as const;

/** What is to be open, as a line and as the end of a file's name. */
export function portLine(guest: string, port: number): string {
  return `${port}_${guest}_${port}`;
}

export interface VpnAddress {
  readonly link: string;
  readonly address: string;
  /** Of 100.64.0.0/10, as Tailscale's app has. */
  readonly isTailnet: boolean;
}

/** Of `ip -4 -o address`: `7: tun0    inet 100.99.1.2/32 scope global tun0`. Android's VPN apps have tunN, whichever they are. */
export function vpnAddresses(text: string): readonly VpnAddress[] {
  return [...text.matchAll(/^\d+:\s+(tun\d+)\s+inet (\d+\.\d+\.\d+\.\d+)/gm)].map(([, link = '', address = '']) => ({
    link,
    address,
    isTailnet: isTailnetAddress(address),
  }));
}

/** Tailnets have addresses of the range that carriers share (RFC 6598). */
export function isTailnetAddress(address: string): boolean {
  const [tailnets, own] = [parseSubnet('100.64.0.0/10'), parseSubnet(address)];
  return tailnets !== undefined && own !== undefined && overlaps(tailnets, own);
}
