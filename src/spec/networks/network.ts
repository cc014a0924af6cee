import type { WorldSpec } from './network-spec.ts';

/**
 * What the host has at the other end of a machine's second card, which its monitor must be able to use:
 * - stream: a unix socket that the monitor listens on, frame by frame: the switch of a private network dials it.
 * - tap: a TAP with the machine's name.
 * - macvtap: the device file of a macvtap with the machine's name.
 */
export type CardEnd = 'stream' | 'tap' | 'macvtap';

/** The second network card of a guest. The first is always the user network's (user-network.ts). */
export interface Card {
  readonly end: CardEnd;
  /** What it leads to, as a comment of stage 1 names it. */
  readonly leadsTo: string;
  readonly interface: 'eth1';
  readonly mac: string;
  /** With the length of the prefix: `192.168.100.2/24`. */
  readonly addresses: readonly string[];
  /** The default routes, an address each; none where it leads to no world. */
  readonly gateways: readonly string[];
}

/** How datagrams from outside come to a UDP port of the guest. */
export interface UdpPorts {
  /** The monitor forwards a port of this host; a rule of this host's firewall does; or the machine has an address where clients are. */
  readonly by: 'monitor' | 'rule' | 'itself';
  /** Where this host itself finds the port; undefined where it does not reach it. */
  readonly here: string | undefined;
  /** Where clients elsewhere find it, if that is not an address of this host. */
  readonly elsewhere: string | undefined;
}

/** What each kind of network says of itself: all that the rest of vmkit asks. Pure. */
export interface Network {
  /** For people. Machines on one network have the same. */
  readonly title: string;
  /** For people; empty where the address says nothing. */
  readonly address: string;
  /**
   * What the guest dials through the user network. Undefined where its own card leads to the world: then the user network is for this host's ports alone, since
   * what a guest dials there comes from the host itself, past all rules of the other network. Names are then resolved by the servers that this host asks.
   */
  readonly world: WorldSpec | undefined;
  readonly card: Card | undefined;
  /** An address that this host, and what it routes, reach. */
  readonly routed: string | undefined;
  readonly udp: UdpPorts;
}
