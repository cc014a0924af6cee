import { z } from 'zod';
import { formatSubnet, freeSubnet, overlaps, parseSubnet, type Subnet } from '../../core/addresses/ipv4.ts';
import { VmkitError } from '../../core/errors/errors.ts';

/** ip-route(8), `ip -j -4 route show table all`: no `type` is unicast, no `table` is main. */
const routesSchema = z.array(
  z.object({
    type: z.string().default('unicast'),
    dst: z.string(),
    dev: z.string().optional(),
    table: z.string().default('main'),
    nexthops: z.array(z.object({ dev: z.string().optional() })).default([]),
  }),
);

export interface HostRoute {
  readonly type: string;
  readonly dst: string;
  readonly table: string;
  /** One, or several for a multipath route; none for a blackhole. */
  readonly devs: readonly string[];
}

export function parseRoutes(json: string): readonly HostRoute[] {
  return routesSchema.parse(JSON.parse(json || '[]')).map(({ type, dst, dev, table, nexthops }) => ({
    type,
    dst,
    table,
    devs: [dev, ...nexthops.map((hop) => hop.dev)].filter((each) => each !== undefined),
  }));
}

/** The interfaces with a default route in any table; a VPN's halves of it (0.0.0.0/1, 128.0.0.0/1) count. */
export function uplinksOf(routes: readonly HostRoute[]): readonly string[] {
  const ways = routes.filter(({ type, dst }) => type === 'unicast' && isDefault(dst)).flatMap(({ devs }) => devs);
  return [...new Set(ways)].sort();
}

/** Throws `subnet-taken`, with the route that is in the way and a free subnet, if the host has a route into `subnet`, but for `bridge`'s own. */
export function requireFreeSubnet(subnet: Subnet, bridge: string, routes: readonly HostRoute[]): void {
  const others = routesInto(routes.filter(({ devs }) => !devs.includes(bridge)));
  const conflict = others.find(({ to }) => overlaps(to, subnet));
  if (conflict === undefined) return;
  const { dst, devs, table } = conflict.route;
  const through = devs.length === 0 ? conflict.route.type : `through ${devs.join(', ')}`;
  const free = freeSubnet(
    subnet.bits,
    others.map(({ to }) => to),
  );
  throw new VmkitError(
    'host',
    'subnet-taken',
    `${formatSubnet(subnet)} overlaps a route of the host: ${dst} ${through}, table ${table}.`,
    {
      hint:
        free === undefined
          ? 'No private subnet of this size is free.'
          : `This one is free: --subnet ${formatSubnet(free)}`,
      details: { route: conflict.route, free: free === undefined ? undefined : formatSubnet(free) },
    },
  );
}

/** Every subnet that the host has a route into, but for its default routes. */
export function routedSubnets(routes: readonly HostRoute[]): readonly Subnet[] {
  return routesInto(routes).map(({ to }) => to);
}

function routesInto(routes: readonly HostRoute[]): { route: HostRoute; to: Subnet }[] {
  return routes.flatMap((route) => {
    const to = isDefault(route.dst) || isForMany(route) ? undefined : parseSubnet(route.dst);
    return to === undefined ? [] : [{ route, to }];
  });
}

function isDefault(dst: string): boolean {
  return dst === 'default' || dst.endsWith('/0') || dst.endsWith('/1');
}

function isForMany({ type }: HostRoute): boolean {
  return type === 'broadcast' || type === 'multicast';
}
