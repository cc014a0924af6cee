import type { HopId, Layer, Verdict, WayId } from './report.ts';

/** The ways in plain words. */
export const WAY_TITLES: Readonly<Record<WayId, string>> = {
  'guest-serve-tun': 'serve in the guest, TUN',
  'guest-serve-userspace': 'serve in the guest, userspace',
  'guest-direct': 'straight to the guest',
  'host-proxy': 'serve on the host',
  'host-subnet-router': 'the host routes',
  'guest-subnet-router': 'another machine routes',
  'wireguard-direct': 'WireGuard to the guest',
  nebula: 'Nebula to the guest',
  'phone-app-router': 'the Tailscale app routes',
  'phone-port': "a port of the phone's VPN",
};

export const HOP_TITLES: Readonly<Record<HopId, string>> = {
  peer: 'a peer',
  relay: 'direct path or DERP relay',
  control: 'control server',
  host: 'the host',
  router: 'subnet router',
  guest: "the guest's kernel",
  tailscaled: 'tailscaled in the guest',
  loopback: 'loopback in the guest',
  backend: 'the service',
};

/** How a way, or a layer of one, stands. */
export const STATE_MARKS: Readonly<Record<Verdict['state'] | Layer['state'], string>> = {
  works: '✓',
  degraded: '~',
  untried: '?',
  ok: '✓',
  warned: '!',
  fails: '✗',
  failed: '✗',
  unavailable: '–',
  skipped: '·',
};
