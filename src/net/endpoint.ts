import { isIpv6 } from '../core/addresses/ipv6.ts';

/** Where a connection or a datagram goes: an address, or a name, and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** `git.example.org:4242`, `[2001:db8::1]:4242`. */
export function endpointText({ address, port }: Endpoint): string {
  return `${hostText(address)}:${port}`;
}

/** An address as it stands in a URL (RFC 3986, 3.2.2). */
export function hostText(address: string): string {
  return isIpv6(address) ? `[${address}]` : address;
}

/** The port of a URL of http or https. */
export function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

/** The kernel gives no port below to those who do not ask for one: what the guest asks itself comes from there, and is told from what tailscaled dials. */
export const FIRST_FREE_PORT = 1024;
