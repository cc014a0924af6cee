import { overlaps, parseAddress, parseSubnet } from '../../core/addresses/ipv4.ts';
import { isAnswered } from '../../net/dial.ts';
import type { Facts, NodeFacts, Target } from '../facts.ts';
import { broken, type Check, fine, said } from './check.ts';

/** A node as a subnet router: the tailnet is told of the machine's address on the bridge, and the node forwards. */

/** The machine's bridge address as a route of its own: nothing else behind this host is opened. Empty where it has none. */
export function routeOf({ bridgeAddress }: Pick<Target, 'bridgeAddress'>): string {
  return bridgeAddress === undefined ? '' : `${bridgeAddress}/32`;
}

/** Those of these routes that lead to the machine, the narrowest first. */
export function routesTo(
  routes: readonly string[] | null | undefined,
  { bridgeAddress }: Pick<Target, 'bridgeAddress'>,
): string[] {
  const base = parseAddress(bridgeAddress ?? '');
  if (base === undefined) return [];
  return (routes ?? [])
    .flatMap((text) => {
      const subnet = parseSubnet(text);
      return subnet !== undefined && overlaps(subnet, { base, bits: 32 }) ? [{ text, bits: subnet.bits }] : [];
    })
    .sort((one, other) => other.bits - one.bits)
    .map(({ text }) => text);
}

export function isAdvertised(node: NodeFacts | undefined, target: Target): boolean {
  return routesTo(node?.prefs?.AdvertiseRoutes, target).length > 0;
}

export function isApproved(node: NodeFacts | undefined, target: Target): boolean {
  return routesTo(node?.status?.Self.AllowedIPs, target).length > 0;
}

/** The layers of a way through a node that routes: this host, or another machine. */
export function subnetChecks(which: 'proxy' | 'router'): readonly Check[] {
  return [
    onNode(which, 'router-node', 'the router is in the tailnet', 'router', nodeRuns),
    onNode(which, 'bridge', 'the machine answers the router on the bridge', 'guest', bridgeAnswers),
    onNode(which, 'route-approved', 'the route is approved', 'control', routeApproved),
    onNode(which, 'ip-forward', 'the router forwards packets', 'router', nodeForwards),
    peerAccepts,
    routeKnown(which),
    {
      ...onNode(
        which,
        'route-answers',
        "the peer gets an answer at the machine's bridge address",
        'peer',
        routedAnswers,
      ),
      isOfDial: true,
    },
  ];
}

function routeKnown(which: 'proxy' | 'router'): Check {
  return onNode(which, 'route-known', 'the peer knows the route', 'peer', (_, { peer, target }) => {
    if (peer?.routed === undefined) return undefined;
    const { dial, nodes } = peer.routed;
    return dial === undefined ? broken(unknownRoute(target), nodes) : fine(nodes);
  });
}

type LookAtNode = (node: NodeFacts, facts: Facts) => ReturnType<Check['look']>;

function onNode(which: 'proxy' | 'router', id: string, title: string, hop: Check['hop'], look: LookAtNode): Check {
  return { id, title, hop, look: (facts) => (facts[which] === undefined ? undefined : look(facts[which], facts)) };
}

const nodeRuns: LookAtNode = ({ title, status, observed }) => {
  const seen = observed.get('status');
  if (status?.BackendState === 'Running') return fine(seen);
  return broken(
    {
      cause: 'router-not-logged-in',
      title: `Tailscale of ${title} is not running`,
      observed: status === undefined ? said(seen) : `BackendState ${status.BackendState}`,
      fix: 'tailscale up, there',
    },
    seen,
  );
};

const bridgeAnswers: LookAtNode = ({ title, observed }, { target }) => {
  const bridge = observed.get('bridge');
  if (bridge === undefined) return undefined;
  if (bridge.exitCode === 0) return fine(bridge);
  return broken(
    {
      cause: 'bridge-no-answer',
      title: `the machine's port does not answer ${title} on the bridge`,
      observed: said(bridge),
      fix: `vmkit host check; vmkit status ${target.machine}`,
    },
    bridge,
  );
};

const routeApproved: LookAtNode = (node, { target }) => {
  const status = node.observed.get('status');
  if (isApproved(node, target)) return fine(status);
  const [route = routeOf(target)] = routesTo(node.prefs?.AdvertiseRoutes, target);
  return broken(
    {
      cause: 'route-not-approved',
      title: `the route ${route} is advertised but not approved`,
      observed: `AllowedIPs of ${node.title}: ${(node.status?.Self.AllowedIPs ?? []).join(', ')}`,
      fix: `Approve ${route} of ${node.title} in the admin console, or: headscale nodes approve-routes`,
    },
    status,
    node.observed.get('prefs'),
  );
};

/** By userspace networking tailscaled dials by itself; under TUN the kernel forwards, which Linux asks the interface where a packet comes in. */
const nodeForwards: LookAtNode = ({ title, machine, status, link, observed }) => {
  const forward = observed.get('forward');
  if (forward === undefined || status?.TUN !== true) return undefined;
  const value = new RegExp(`/conf/${link}/forwarding:(\\d)`).exec(forward.output)?.[1];
  if (value === '1') return fine(forward);
  return broken(
    {
      cause: 'ip-forward-off',
      title: `${title} does not forward packets`,
      observed: `net.ipv4.conf.${link}.forwarding = ${value ?? 'unknown'}`,
      fix: `${machine === undefined ? 'sudo ' : `vmkit exec ${machine} -- `}sh -c 'echo 1 >/proc/sys/net/ipv4/conf/${link}/forwarding'`,
    },
    forward,
  );
};

export const peerAccepts: Check = {
  id: 'peer-accepts',
  title: 'the peer accepts routes',
  hop: 'peer',
  look: ({ peer }) => {
    const routed = peer?.routed;
    if (routed === undefined) return undefined;
    if (routed.acceptsRoutes) return fine(routed.prefs);
    return broken(
      {
        cause: 'peer-refuses-routes',
        title: 'the peer does not accept routes',
        observed: 'RouteAll is false at the peer',
        fix: 'tailscale set --accept-routes, at the peer (Linux needs it; phones accept routes by default)',
      },
      routed.prefs,
    );
  },
};

const routedAnswers: LookAtNode = (node, { peer, target }) => {
  const routed = peer?.routed;
  if (routed === undefined) return undefined;
  const { dial } = routed;
  if (dial === undefined) return undefined;
  if (isAnswered(dial)) return fine(dial.observation);
  return broken(
    {
      cause: `dial-${dial.result}`,
      title: `the peer's dial of the bridge address ended: ${dial.result}`,
      observed: said(dial.observation),
      fix: `Does a firewall of ${node.title} drop what is forwarded (nft list ruleset, there)? vmkit logs ${target.machine}`,
    },
    dial.observation,
  );
};

function unknownRoute(target: Target): Parameters<typeof broken>[0] {
  return {
    cause: 'route-unknown',
    title: 'the peer knows no route to the machine, though it is approved',
    observed: `no node of the peer's has a route to ${target.bridgeAddress}`,
    fix: 'tailscale status, at the peer: is it connected to the same tailnet, and may it reach that address (ACL)?',
  };
}
