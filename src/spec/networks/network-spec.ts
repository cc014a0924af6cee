/**
 * What a guest may dial through the user network; forwarded TCP ports work with each.
 * - none: nothing.
 * - internet: what this host reaches, but nothing of this host itself (machine/gate/world-gate.ts).
 * - host: as any program of this host: the host's loopback as well, at the gateway's address.
 */
export type World = 'none' | 'internet' | 'host';

export interface WorldSpec {
  readonly world: World;
  /** TCP ports of the host's loopback that a guest with the world `internet` reaches at the gateway's address all the same. */
  readonly hostAccess: readonly number[];
}

/** QEMU's own user-mode stack alone; ports on the host's loopback. */
export interface UserSpec extends WorldSpec {
  readonly kind: 'user';
}

/** Beside it a link to the machines that this one needs and that need it; nobody else is on it, and nobody needs root. */
export interface PrivateSpec extends WorldSpec {
  readonly kind: 'private';
  readonly address: string;
}

/** A TAP of this host's bridge, which `vmkit host setup` makes, leads to the world; this host, and what it routes, reach the machine. */
export interface BridgeSpec {
  readonly kind: 'bridge';
  readonly address: string;
}

/** An address of its own on the network that an interface of this host is on. This host itself does not reach it there, by the nature of macvtap. */
export interface MacvtapSpec {
  readonly kind: 'macvtap';
  /** The interface of this host. */
  readonly on: string;
  /** With the length of the network's prefix: `192.168.1.50/24`. */
  readonly address: string;
  /** None: the machine reaches its own network only. */
  readonly gateway?: string | undefined;
}

/** How a machine is connected. networks.ts reads it; without zod's types, since the library shows it. */
export type NetworkSpec = UserSpec | PrivateSpec | BridgeSpec | MacvtapSpec;
