import { formatAddress, machineMac } from '../../core/addresses/ipv4.ts';
import { type Change, linkExists, ours, type Probe } from '../changes/change.ts';
import { type BridgeNetwork, bridgeMac, networkAddresses, type Tap } from './bridge-addresses.ts';
import { addLink, addTables, addTap, removeLink, removeTables, removeTap, tableName } from './bridge-nft.ts';
import { pairId } from './tap-changes.ts';

/** The bridge with its addresses, forwarding for it alone, and the nft tables. */
export function networkChanges(network: BridgeNetwork): readonly Change[] {
  const { bridge, subnet } = network;
  const { gateway, gateway6 } = networkAddresses(network);
  const mac = bridgeMac(network);
  return [
    {
      ...ours(`link:${bridge}`, `bridge ${bridge} with ${gateway}/${subnet.bits}`),
      apply: [
        // An address of its own: else it is that of one of its ports, and changes with them.
        { argv: ['ip', 'link', 'add', 'name', bridge, 'address', mac, 'type', 'bridge', 'mcast_snooping', '0'] },
        { argv: ['ip', 'address', 'add', `${gateway}/${subnet.bits}`, 'dev', bridge] },
        ...(network.hasIpv6 ? [{ argv: ['ip', 'address', 'add', `${gateway6}/64`, 'dev', bridge, 'nodad'] }] : []),
        forward(bridge, '1', 'ipv4'),
        ...(network.forcesIpv6 ? [forward(bridge, '1', 'ipv6')] : []),
        { argv: ['ip', 'link', 'set', 'dev', bridge, 'up'] },
      ],
      undo: [{ argv: ['ip', 'link', 'delete', 'dev', bridge] }],
      isApplied: linkExists(bridge),
    },
    {
      ...ours(`nft:${tableName(network)}`, `nft tables ${tableName(network)}: NAT, and who may send what`),
      apply: [{ argv: ['nft', '-f', '-'], input: addTables(network) }],
      undo: [{ argv: ['nft', '-f', '-'], input: removeTables(network) }],
      isApplied: nftHas('table', 'inet', tableName(network)),
    },
  ];
}

/** One machine's TAP, as a port of the bridge, and the rules that let through its own MAC and addresses only. */
export function tapChanges(network: BridgeNetwork, tap: Tap): readonly Change[] {
  const { name } = tap;
  const port = { ...tap, mac: machineMac(tap.address) };
  return [
    {
      ...ours(`link:${name}`, `TAP ${name} for user ${tap.owner}`),
      apply: [
        { argv: ['ip', 'tuntap', 'add', 'dev', name, 'mode', 'tap', 'user', String(tap.owner)] },
        // The host itself needs no address on it.
        { argv: ['ip', 'link', 'set', 'dev', name, 'addrgenmode', 'none'] },
      ],
      undo: [{ argv: ['ip', 'link', 'delete', 'dev', name] }],
      isApplied: linkExists(name),
    },
    // Before it is a port: no frame passes unchecked.
    {
      ...ours(`nft:${name}`, `rules for ${name}: only from ${port.mac} and ${formatAddress(tap.address)}`),
      apply: [{ argv: ['nft', '-f', '-'], input: addTap(network, port) }],
      undo: [{ argv: ['nft', '-f', '-'], input: removeTap(network, port) }],
      isApplied: nftHas('chain', 'bridge', tableName(network), `from_${name}`),
    },
    {
      ...ours(`port:${name}`, `${name} is a port of ${network.bridge}`),
      apply: [
        { argv: ['ip', 'link', 'set', 'dev', name, 'master', network.bridge] },
        { argv: ['ip', 'link', 'set', 'dev', name, 'up'] },
      ],
      undo: [
        { argv: ['ip', 'link', 'set', 'dev', name, 'down'] },
        { argv: ['ip', 'link', 'set', 'dev', name, 'nomaster'] },
      ],
      isApplied: { argv: ['test', '-e', `/sys/class/net/${network.bridge}/brif/${name}`], needsRoot: false },
    },
  ];
}

export const TUN_DEVICE = '/dev/net/tun';

/**
 * QEMU opens it as its machine's user, and gets the TAP that this user owns, no more (tuntap.rst of the kernel's documentation). udev makes it open to all
 * (50-udev-default.rules); without udev only root may open it.
 */
export function tunDeviceChanges(mode: string | undefined): readonly Change[] {
  if (mode === '666' || mode === undefined) return [];
  return [
    {
      ...ours(`mode:${TUN_DEVICE}`, `${TUN_DEVICE} opens for all, each to the own TAP, as udev has it`),
      apply: [{ argv: ['chmod', '666', TUN_DEVICE] }],
      undo: [{ argv: ['chmod', mode, TUN_DEVICE] }],
      isApplied: { argv: ['stat', '-c', '%a', TUN_DEVICE], prints: '666', needsRoot: false },
      whenFound: 'keep',
    },
  ];
}

/** Two machines may exchange frames. Without this no two ports of the bridge do. */
export function linkChange(network: BridgeNetwork, taps: readonly [string, string]): Change {
  const [one = '', other = ''] = [...taps].sort();
  return {
    ...ours(pairId(one, other), `${one} and ${other} reach each other`),
    apply: [{ argv: ['nft', '-f', '-'], input: addLink(network, one, other) }],
    undo: [{ argv: ['nft', '-f', '-'], input: removeLink(network, one, other) }],
    isApplied: nftHas('element', 'bridge', tableName(network), 'links', `{ "${one}" . "${other}" }`),
  };
}

/**
 * Packets that come back through an uplink are forwarded: Linux asks for it where a packet comes in. The interface alone: net.ipv4.ip_forward would write
 * all interfaces, the default for new ones and accept_redirects (inet_forward_change, net/ipv4/devinet.c), and net.ipv6.conf.all.forwarding makes a host deaf
 * to its router's advertisements; neither could be undone exactly. If others switch forwarding on for the whole host meanwhile, it is theirs and stays.
 */
export function uplinkChange(uplink: string, family: Family, isForwardingHost: boolean): Change {
  const whole = isForwardingHost ? '1' : '0';
  return {
    ...ours(
      `${family === 'ipv6' ? 'forwarding6' : 'forwarding'}:${uplink}`,
      `forward ${family === 'ipv6' ? 'IPv6 ' : ''}what comes back through ${uplink}, which has a default route`,
    ),
    apply: [forward(uplink, '1', family)],
    undo: [forward(uplink, '0', family)],
    isApplied: {
      argv: ['cat', `/proc/sys/${forwardingKey(uplink, family)}`, `/proc/sys/${WHOLE_HOST[family]}`],
      prints: `1\n${whole}`,
      needsRoot: false,
    },
    whenFound: 'keep',
  };
}

type Family = 'ipv4' | 'ipv6';

/** Whether the whole host forwards. */
export const WHOLE_HOST = { ipv4: 'net/ipv4/ip_forward', ipv6: 'net/ipv6/conf/all/forwarding' } as const;

/**
 * The key of one interface, with slashes: its name may hold dots (sysctl(8)). ipv4: IN_DEV_FORWARD, include/linux/inetdevice.h. ipv6: its `forwarding` means
 * something else; `force_forwarding`, since Linux 6.17, is asked by ip6_forward (net/ipv6/ip6_output.c).
 */
export function forwardingKey(link: string, family: Family): string {
  return `net/${family}/conf/${link}/${family === 'ipv6' ? 'force_forwarding' : 'forwarding'}`;
}

function forward(link: string, value: '0' | '1', family: Family): { argv: string[] } {
  return { argv: ['sysctl', '-q', '-w', `${forwardingKey(link, family)}=${value}`] };
}

/** `nft list` and `nft get` fail where there is no such thing. */
function nftHas(kind: 'table' | 'chain' | 'element', ...which: string[]): Probe {
  return { argv: ['nft', kind === 'element' ? 'get' : 'list', kind, ...which], needsRoot: true };
}
