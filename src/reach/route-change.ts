import type { Change } from '../host/change.ts';
import type { Facts } from './check.ts';
import { routeOf } from './checks-subnet.ts';

/** Names what was done to this host for a machine's address. */
export function routeChangeId(machine: string): string {
  return `route:${machine}`;
}

/** What makes this host advertise a machine's bridge address beside what it advertises already. Kept by tailscaled over a reboot. */
export function planRoute({ proxy, target }: Facts): Change {
  const route = routeOf(target);
  const others = (proxy?.prefs?.AdvertiseRoutes ?? []).filter((each) => each !== route);
  const advertise = (routes: readonly string[]): { argv: string[] } => ({
    argv: ['tailscale', 'set', `--advertise-routes=${routes.join(',')}`],
  });
  return {
    id: routeChangeId(target.machine),
    title: `this host advertises ${route}`,
    apply: [advertise([...others, route])],
    undo: [advertise(others)],
    isApplied: { argv: ['sh', '-c', `tailscale debug prefs | grep -q '"${route}"'`], needsRoot: true },
    whenFound: 'keep',
    outlivesReboot: true,
  };
}
