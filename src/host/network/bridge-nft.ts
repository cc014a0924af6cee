import { formatAddress } from '../../core/addresses/ipv4.ts';
import { linkLocal } from '../../core/addresses/ipv6.ts';
import { type BridgeNetwork, networkAddresses, type Tap } from './bridge-addresses.ts';

// Text for `nft -f -`. Each is one transaction: all of it holds, or nothing (nft(8)).

interface Port extends Tap {
  readonly mac: string;
}

export function tableName({ name }: Pick<BridgeNetwork, 'name'>): string {
  return `vmkit_${name}`;
}

/**
 * `inet`: NAT on the way out by anything but the bridge; from outside only what answers a machine, what this host itself sends there (DNAT), and who is routed
 * to a machine by name of the interface and its address.
 * `bridge`: what a machine's TAP lets through, and that nothing passes between TAPs without a link, nor around that by letting the
 * host route it. By the names of the TAPs: `meta ibrname` needs a kernel with NFT_BRIDGE_META, which not all have.
 */
export function addTables(network: BridgeNetwork): string {
  const { bridge, hasIpv6 } = network;
  const table = tableName(network);
  const { subnet, gateway, subnet6, gateway6 } = networkAddresses(network);
  return `table inet ${table} {
  set routed {
    type ifname . ipv4_addr
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" accept
    oifname "${bridge}" ct state established,related accept
    oifname "${bridge}" ct status dnat accept
    iifname . ip daddr @routed accept
    oifname "${bridge}" counter drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnet} oifname != "${bridge}" masquerade
${hasIpv6 ? `    ip6 saddr ${subnet6} oifname != "${bridge}" masquerade\n` : ''}  }
}
table bridge ${table} {
  map ports {
    type ifname : verdict
  }
  set members {
    type ifname
  }
  set links {
    type ifname . ifname
  }
  chain prerouting {
    type filter hook prerouting priority dstnat; policy accept;
    iifname vmap @ports
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname @members ip daddr ${subnet} ip daddr != ${gateway} drop
    iifname @members ip6 daddr ${subnet6} ip6 daddr != ${gateway6} drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname . oifname @links accept
    iifname @members drop
    oifname @members drop
  }
}
`;
}

export function removeTables(network: BridgeNetwork): string {
  return `delete table inet ${tableName(network)}\ndelete table bridge ${tableName(network)}\n`;
}

/**
 * What a machine may send: from its own MAC and its own addresses. ARP and neighbour advertisements for those only (the target
 * of an advertisement is 8 bytes into the ICMPv6 message, RFC 4861, 4.4); never the part of a router (RFC 6105).
 */
export function addTap(network: BridgeNetwork, { name, mac, address }: Port): string {
  const table = tableName(network);
  const ipv4 = formatAddress(address);
  const own6 = [networkAddresses(network).host6(address), linkLocal(mac)];
  const notOwn = own6.map((each) => `@th,64,128 != ${bytesOf(each)}`).join(' ');
  return `table bridge ${table} {
  chain from_${name} {
    ether saddr != ${mac} drop
    arp htype 1 arp ptype ip arp saddr ether ${mac} arp saddr ip ${ipv4} accept
    ip saddr ${ipv4} accept
    icmpv6 type { nd-router-advert, nd-redirect } drop
    icmpv6 type nd-neighbor-advert ${notOwn} drop
    ip6 saddr { ${own6.join(', ')} } accept
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, mld2-listener-report } accept
    drop
  }
}
add element bridge ${table} members { "${name}" }
add element bridge ${table} ports { "${name}" : goto from_${name} }
`;
}

export function removeTap(network: BridgeNetwork, { name }: Port): string {
  const table = tableName(network);
  return `delete element bridge ${table} ports { "${name}" }
delete element bridge ${table} members { "${name}" }
flush chain bridge ${table} from_${name}
delete chain bridge ${table} from_${name}
`;
}

export function addLink(network: BridgeNetwork, one: string, other: string): string {
  return `add element bridge ${tableName(network)} links { ${bothWays(one, other)} }\n`;
}

export function removeLink(network: BridgeNetwork, one: string, other: string): string {
  return `delete element bridge ${tableName(network)} links { ${bothWays(one, other)} }\n`;
}

function bothWays(one: string, other: string): string {
  return `"${one}" . "${other}", "${other}" . "${one}"`;
}

/** 0x and 32 digits, as nft compares raw bytes. The address has one `::`. */
function bytesOf(ipv6: string): string {
  const [head = [], tail = []] = ipv6.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return `0x${[...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join('')}`;
}
