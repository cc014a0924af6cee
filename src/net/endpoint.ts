/** Where a connection or a datagram goes: an address, or a name, and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** `git.example.org:4242`, `[2001:db8::1]:4242`. */
export function endpointText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The kernel gives no port below to those who do not ask for one: what the guest asks itself comes from there, and is told from what tailscaled dials. */
export const FIRST_FREE_PORT = 1024;
