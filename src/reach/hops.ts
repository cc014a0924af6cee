import type { HopId, WayId } from './report.ts';

/** The hops of a way, from the person to the service. */
export const ROUTES: Readonly<Record<WayId, readonly HopId[]>> = {
  'guest-serve-tun': ['peer', 'relay', 'guest', 'tailscaled', 'loopback', 'backend'],
  'guest-serve-userspace': ['peer', 'relay', 'guest', 'tailscaled', 'loopback', 'backend'],
  'guest-direct': ['peer', 'relay', 'guest', 'backend'],
  'host-subnet-router': ['peer', 'relay', 'router', 'guest', 'backend'],
  'guest-subnet-router': ['peer', 'relay', 'router', 'guest', 'backend'],
  'wireguard-direct': ['peer', 'host', 'guest', 'backend'],
  'host-proxy': ['peer', 'relay', 'host', 'guest', 'backend'],
  nebula: ['peer', 'host', 'guest', 'backend'],
  'phone-app-router': ['peer', 'relay', 'router', 'guest', 'backend'],
  'phone-port': ['peer', 'relay', 'host', 'guest', 'backend'],
};

/** Whether a way is a tunnel by a UDP port of the host, without a tailnet. */
export function isTunnel(way: WayId): boolean {
  return way === 'wireguard-direct' || way === 'nebula';
}

/** A hop beside the route, such as the control server, stands before those that the packets pass after the relay. */
function placeOf(way: WayId, hop: HopId): number {
  const at = ROUTES[way].indexOf(hop);
  return at < 0 ? 1 : at;
}

/** Whether a packet that was seen at `seen` has passed `hop`. */
export function isPassed(way: WayId, hop: HopId, seen: HopId): boolean {
  return placeOf(way, hop) < placeOf(way, seen);
}
