import { lookup } from 'node:dns/promises';

/** An address of a name, as this computer's programs find it (getaddrinfo(3)), IPv4 before IPv6; undefined where it has none. An address is its own. */
export async function resolveName(name: string): Promise<string | undefined> {
  const found = await lookup(name, { all: true, order: 'ipv4first' }).catch(() => []);
  return found[0]?.address;
}
