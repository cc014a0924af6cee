import { formatAddress, machineMac } from '../../core/addresses/ipv4.ts';
import { type Change, linkExists, ours } from '../changes/change.ts';

/** A machine's place on the network of an interface of this host. */
export interface Macvtap {
  /** Of the interface, and of its machine; at most 15 characters. */
  readonly name: string;
  /** The interface of this host. */
  readonly parent: string;
  /** Of the machine, as a number; it makes the MAC. */
  readonly address: number;
  /** The numeric user id that may open it without root. */
  readonly owner: number;
}

/**
 * mode bridge: machines of one parent reach each other without a switch that sends frames back. udev, where there is one, sees the device file first: it would
 * give it back to root.
 */
export function macvtapChange({ name, parent, address, owner }: Macvtap): Change {
  const mac = machineMac(address);
  const own = `udevadm settle --timeout=10 2>/dev/null; chown ${owner} "/dev/tap$(cat /sys/class/net/${name}/ifindex)"`;
  return {
    ...ours(`link:${name}`, `macvtap ${name} on ${parent} for user ${owner}: ${formatAddress(address)}, ${mac}`),
    apply: [
      {
        argv: ['ip', 'link', 'add', 'link', parent, 'name', name, 'address', mac, 'type', 'macvtap', 'mode', 'bridge'],
      },
      // The host itself needs no address on it.
      { argv: ['ip', 'link', 'set', 'dev', name, 'addrgenmode', 'none'] },
      // Else it passes on no multicast, and so no neighbour discovery (linux: drivers/net/macvlan.c, macvlan_set_mac_lists).
      { argv: ['ip', 'link', 'set', 'dev', name, 'allmulticast', 'on'] },
      { argv: ['ip', 'link', 'set', 'dev', name, 'up'] },
      { argv: ['sh', '-c', own] },
    ],
    undo: [{ argv: ['ip', 'link', 'delete', 'dev', name] }],
    isApplied: linkExists(name),
  };
}
