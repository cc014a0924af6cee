import { quoteWord } from '../../core/text/shell-quote.ts';
import type { Change } from '../../host/changes/change.ts';
import { uplinkChange } from '../../host/network/bridge-network.ts';
import { routedChange, routedId } from '../../host/network/bridge-routed.ts';
import { routeOf } from '../checks/subnet.ts';
import type { Facts } from '../facts.ts';

/** Names what was done to this host for a machine's address. */
export function routeChangeIds(machine: string): readonly string[] {
  return [`route:${machine}`, routedId(machine)];
}

/** Whether a change lets the tailnet reach some machine on the bridge. */
export function isRouted(id: string): boolean {
  return id.startsWith(routedId(''));
}

/** Before the interface's name: what all routed machines stand on. */
export const TAILNET_FORWARDING = 'tailnet-forwarding:';

/** The routes that this host advertises now, with commas between, as a shell reads them of `tailscale debug prefs`. */
const ROUTES = `routes=$(tailscale debug prefs | tr -d '[:space:]' | sed -n 's/.*"AdvertiseRoutes":\\[\\([^]]*\\)\\].*/\\1/p' | tr -d '"')`;

/**
 * What makes this host route to a machine's bridge address. The route is added to what is advertised by then, and only it is taken away again. Under TUN the
 * kernel forwards: the tailnet's interface may, to this machine. tailscaled keeps the route over a reboot; the rest is made again by the next `vmkit boot`.
 */
export function planRoute({ proxy, target }: Facts): readonly Change[] {
  const route = routeOf(target);
  const { machine, bridgeAddress } = target;
  const advertise: Change = {
    id: `route:${machine}`,
    title: `the host advertises ${route}`,
    apply: [{ argv: ['sh', '-ec', `${ROUTES}; tailscale set "--advertise-routes=\${routes:+$routes,}${route}"`] }],
    undo: [
      {
        argv: [
          'sh',
          '-ec',
          `${ROUTES}; tailscale set "--advertise-routes=$(echo "$routes" | tr , '\\n' | grep -vxF ${quoteWord(route)} | paste -sd, -)"`,
        ],
      },
    ],
    isApplied: { argv: ['sh', '-c', `tailscale debug prefs | grep -qF '"${route}"'`], needsRoot: true },
    whenFound: 'keep',
    outlivesReboot: true,
  };
  if (proxy?.status?.TUN !== true || bridgeAddress === undefined) return [advertise];
  const isForwardingHost = /\/conf\/all\/forwarding:1/.test(proxy.observed.get('forward')?.output ?? '');
  const forward = uplinkChange(proxy.link, 'ipv4', isForwardingHost);
  return [
    {
      ...forward,
      id: `${TAILNET_FORWARDING}${proxy.link}`,
      title: `${proxy.link} of the host forwards`,
      outlivesReboot: true,
    },
    routedChange(machine, proxy.link, bridgeAddress),
    advertise,
  ];
}
