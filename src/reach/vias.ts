import type { WayId } from './report.ts';

/** What `expose` sets up, the preferred first: serve in the machine, serve on this host, a route to its bridge address, WireGuard, Nebula; of a phone, a route of its Tailscale app, a port at the address of its VPN. */
export const VIAS = ['guest', 'proxy', 'subnet', 'wireguard', 'nebula', 'app', 'port'] as const;
export type Via = (typeof VIAS)[number];

/** Those that no other host has. */
export const PHONE_VIAS: readonly Via[] = ['app', 'port'];

/** The ways that each of them leads by. */
export const WAYS_VIA: Readonly<Record<Via, readonly WayId[]>> = {
  guest: ['guest-serve-tun', 'guest-serve-userspace'],
  proxy: ['host-proxy'],
  subnet: ['host-subnet-router', 'guest-subnet-router'],
  wireguard: ['wireguard-direct'],
  nebula: ['nebula'],
  app: ['phone-app-router'],
  port: ['phone-port'],
};
