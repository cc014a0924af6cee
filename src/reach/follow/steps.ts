import type { Endpoint } from '../../net/endpoint.ts';
import type { WayId } from '../report.ts';
import type { Watched } from './seen/sightings.ts';
import type { IsOurs, Place, Step, Tunnel } from './step.ts';
import { atPeer, intoGuest, onHost, onLoopback, throughRouter, throughTunnel } from './step-lists.ts';

/** What tells the connections of one way from those of another. */
export interface Ways {
  /** Of the service, in the guest. */
  readonly port: number;
  /** Of the machine on this host's 127.0.0.1. */
  readonly hostPort: number | undefined;
  readonly bridgeAddress: string | undefined;
  /** Undefined: it has none. */
  readonly wireguard: Tunnel | undefined;
  readonly nebula: Tunnel | undefined;
  /** The peer's address in the tailnet; undefined where nobody knows it. */
  readonly peer: string | undefined;
  /** Where it dials: the way's own address, and port. */
  readonly dialled: { readonly [each in keyof Endpoint]: Endpoint[each] | undefined };
}

/** The steps of a way that can be watched. What tailscaled does within itself is told by its own counters. */
export function stepsOf(way: WayId, ways: Ways): readonly Step[] {
  const { peer, dialled } = ways;
  const { address, port } = dialled;
  const own = atPeer(port ?? 0, ({ local, remote }) => local === address && remote === peer);
  const beyond = beyondPeer(way, ways);
  // Whoever serves dials the service while the peer still waits to hear that its connection is taken.
  const asked = beyond.findIndex(({ id }) => id === 'ask' || id === 'loop-ask');
  return [...own.asks, ...beyond.slice(0, asked), ...own.hears, ...beyond.slice(asked), ...own.gets];
}

function beyondPeer(way: WayId, { port, hostPort, bridgeAddress, wireguard, nebula, peer }: Ways): readonly Step[] {
  const isFromPeer: IsOurs = ({ remote }) => peer === undefined || remote === peer;
  const isRouted: IsOurs = ({ local }) => local === bridgeAddress;
  switch (way) {
    case 'guest-serve-tun':
    case 'guest-serve-userspace':
      return onLoopback(port);
    case 'guest-direct':
      return intoGuest(port, isFromPeer);
    case 'wireguard-direct':
      return throughTunnel(wireguard, port, bridgeAddress !== undefined);
    case 'nebula':
      return throughTunnel(nebula, port, bridgeAddress !== undefined);
    case 'host-proxy': {
      const inGuest = intoGuest(port, ({ local, remote }) => local !== bridgeAddress && remote !== peer);
      return [...(hostPort === undefined ? [] : onHost(hostPort)), ...inGuest];
    }
    // The app, and the phone's port, dial the machine themselves.
    case 'phone-app-router':
    case 'phone-port':
      return intoGuest(port, isRouted);
    case 'host-subnet-router':
      return throughRouter('host', port, isRouted);
    case 'guest-subnet-router':
      return throughRouter('router', port, isRouted);
  }
}

/** What all places saw; a place that was not watched is not there. */
export type Watches = Readonly<Partial<Record<Place, Watched>>>;
