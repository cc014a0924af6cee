import { broken, type Check, type Facts, fine, onDial, onObserved, said, type Target } from './check.ts';

/** This host as a subnet router: the tailnet is told of the machine's address on the bridge, and this host forwards. */

/** The machine's bridge address as a route of its own: nothing else behind this host is opened. Empty where it has none. */
export function routeOf({ bridgeAddress }: Pick<Target, 'bridgeAddress'>): string {
  return bridgeAddress === undefined ? '' : `${bridgeAddress}/32`;
}

export function isAdvertised({ proxy, target }: Pick<Facts, 'proxy' | 'target'>): boolean {
  return (proxy?.prefs?.AdvertiseRoutes ?? []).includes(routeOf(target));
}

export function isApproved({ proxy, target }: Pick<Facts, 'proxy' | 'target'>): boolean {
  return (proxy?.status?.Self.AllowedIPs ?? []).includes(routeOf(target));
}

export const bridgeAnswers: Check = {
  id: 'bridge',
  title: 'the machine answers this host on the bridge',
  hop: 'guest',
  look: onObserved('proxy', 'bridge', [], (bridge, { target }) =>
    bridge.exitCode === 0
      ? undefined
      : {
          cause: 'bridge-no-answer',
          title: "the machine's port does not answer on the bridge",
          observed: said(bridge),
          fix: `vmkit host check; vmkit status ${target.machine}`,
        },
  ),
};

export const routeApproved: Check = {
  id: 'route-approved',
  title: 'the route is approved',
  hop: 'control',
  look: (facts) => {
    const { proxy, target } = facts;
    const status = proxy?.observed.get('status');
    if (isApproved(facts)) return fine(status);
    const route = routeOf(target);
    return broken(
      {
        cause: 'route-not-approved',
        title: `the route ${route} is advertised but not approved`,
        observed: `AllowedIPs of this host: ${(proxy?.status?.Self.AllowedIPs ?? []).join(', ')}`,
        fix: `Approve ${route} of this host in the admin console, or: headscale nodes approve-routes`,
      },
      status,
      proxy?.observed.get('prefs'),
    );
  },
};

/** By userspace networking tailscaled dials by itself; under TUN the kernel forwards. */
export const hostForwards: Check = {
  id: 'ip-forward',
  title: 'this host forwards packets',
  hop: 'router',
  look: ({ proxy }) => {
    const forward = proxy?.observed.get('forward');
    if (forward === undefined || proxy?.status?.TUN !== true) return undefined;
    if (forward.output.trim() === '1') return fine(forward);
    return broken(
      {
        cause: 'ip-forward-off',
        title: 'this host does not forward packets',
        observed: said(forward),
        fix: 'sudo sysctl -w net.ipv4.conf.tailscale0.forwarding=1',
      },
      forward,
    );
  },
};

export const peerGetsRouted: Check = {
  id: 'route-answers',
  title: "the peer gets an answer at the machine's bridge address",
  hop: 'peer',
  look: onDial(
    ({ peer }) => peer?.routedDial,
    ({ result, observation }, { target }) => ({
      title: `the peer's dial of the bridge address ended: ${result}`,
      observed: said(observation),
      fix: `Does the peer accept routes (tailscale set --accept-routes)? Does a firewall of this host drop what is forwarded (vmkit host check)? vmkit probe ${target.machine}`,
    }),
  ),
};
