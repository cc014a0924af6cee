import { readFileSync } from 'node:fs';
import type { BlockList } from 'node:net';

/** The files of /proc/net that say which addresses are this host's (proc(5)); any user may read them. */
export interface AddressTables {
  /** Every table's IPv4 addresses, those of interfaces without a carrier as well, which node's os.networkInterfaces() leaves out. */
  readonly fibTrie: string;
  /** The main table's IPv4 routes, by interface. */
  readonly route: string;
  /** Every table's IPv6 routes. */
  readonly ipv6Route: string;
}

/** Two lists: in one, node takes an IPv4 address for the IPv6 address that it has inside ::ffff:0:0/96. */
export interface AddressLists {
  readonly ipv4: BlockList;
  readonly ipv6: BlockList;
}

/** Throws where this host does not say it. An empty table: a kernel without IPv6. */
export function readAddressTables(): AddressTables {
  const read = (name: string): string => readFileSync(`/proc/net/${name}`, 'latin1');
  const ifThere = (name: string): string => {
    try {
      return read(name);
    } catch {
      return '';
    }
  };
  return { fibTrie: read('fib_trie'), route: read('route'), ipv6Route: ifThere('ipv6_route') };
}

/**
 * Adds all that this host takes for its own, and the networks of the interface `bridge`: its rules do not bind what comes from this host. A local
 * route for everything is none of an address: a transparent proxy has it in a table of its own.
 */
export function addOwnAddresses(
  { fibTrie, route, ipv6Route }: AddressTables,
  bridge: string,
  lists: AddressLists,
): void {
  let address = '';
  for (const line of fibTrie.split('\n')) {
    address = /\|-- (\S+)/.exec(line)?.[1] ?? address;
    const bits = /\/(\d+) \S+ LOCAL/.exec(line)?.[1] ?? '0';
    if (bits !== '0') lists.ipv4.addSubnet(address, Number(bits));
  }
  for (const line of route.split('\n')) {
    const [name, base = '', , , , , , mask = ''] = line.split(/\s+/);
    if (name !== bridge) continue;
    // Both as this host's memory has them: the first number last.
    const bits = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
    if (bits > 0) lists.ipv4.addSubnet([...Buffer.from(base, 'hex')].reverse().join('.'), bits);
  }
  for (const line of ipv6Route.split('\n')) {
    const [base = '', bits = '', , , , , , , flags = '', name] = line.trim().split(/\s+/);
    const isLocal = (Number.parseInt(flags, 16) & RTF_LOCAL) !== 0;
    if (bits === '00' || (!isLocal && name !== bridge)) continue;
    lists.ipv6.addSubnet((base.match(/.{4}/g) ?? []).join(':'), Number.parseInt(bits, 16), 'ipv6');
  }
}

/** linux: include/uapi/linux/ipv6_route.h, RTF_LOCAL; as a signed number, as `&` makes it. */
const RTF_LOCAL = 0x80000000 | 0;
