import type { ServeEntry } from '../spec/service.ts';
import type { Check, Dial, Facts, NodeFacts, Target } from './check.ts';
import {
  backendListens,
  clockRight,
  guestAnswers,
  localRuleFirst,
  loopbackUp,
  policyRouting,
  resolverAnswers,
} from './checks-guest.ts';
import { certificateValid, nebulaAddress, nebulaRuns, nebulaTun, noNebula, overlayListens } from './checks-nebula.ts';
import { nebulaAnswers, nebulaHandshake, nebulaPort } from './checks-nebula-client.ts';
import {
  daemonAnswers,
  loggedIn,
  packetFilter,
  serveConfigured,
  servedFor,
  servePortFree,
  tunThere,
} from './checks-node.ts';
import { directDial, peerGetsDirect, peerGetsServe, peerReachesNode, serveDial, tunnelFits } from './checks-peer.ts';
import { hostPortAnswers, proxyAnswers, proxyNode, proxyServedFor, proxyServes } from './checks-proxy.ts';
import { isAdvertised, isApproved, subnetChecks } from './checks-subnet.ts';
import { clientKnown, tunnelListens, wireguardUp } from './checks-tunnel.ts';
import {
  clientGetsAnswer,
  handshakeAnswered,
  udpForwarded,
  whyNoWireguard,
  wireguardDial,
} from './checks-wireguard.ts';
import { parseListeners, takesAll } from './listeners.ts';
import type { WayId } from './report.ts';
import type { TailscaleStatus } from './tailscale-json.ts';
import { typedAddress } from './target.ts';

/** A way in: its layers from the bottom up, and where it leads. */
export interface Way {
  readonly id: WayId;
  /** Why this machine or host does not offer it; undefined: it does. */
  readonly whyNot: (facts: Facts) => string | undefined;
  readonly checks: readonly Check[];
  readonly address: (facts: Facts) => string | undefined;
  readonly dial: (facts: Facts) => Dial | undefined;
  /** Why nobody dialled, where there is more to say than that nobody did. */
  readonly whyUntried?: (facts: Facts) => string | undefined;
}

const node = [daemonAnswers, loggedIn, resolverAnswers];
const serve = [serveConfigured, servePortFree, peerReachesNode, tunnelFits, peerGetsServe];

export const WAYS: readonly Way[] = [
  {
    id: 'guest-serve-tun',
    whyNot: (facts) => noTailscale(facts) ?? otherMode(facts, 'tun'),
    checks: [
      guestAnswers,
      clockRight,
      policyRouting,
      packetFilter,
      tunThere,
      loopbackUp,
      localRuleFirst,
      backendListens,
      ...node,
      ...serve,
    ],
    address: serveAddress,
    dial: serveDial,
  },
  {
    id: 'guest-serve-userspace',
    whyNot: (facts) => noTailscale(facts) ?? otherMode(facts, 'userspace'),
    checks: [guestAnswers, clockRight, loopbackUp, backendListens, ...node, ...serve],
    address: serveAddress,
    dial: serveDial,
  },
  {
    id: 'guest-direct',
    whyNot: (facts) => noTailscale(facts) ?? loopbackOnly(facts),
    checks: [
      guestAnswers,
      clockRight,
      underUserspace(loopbackUp),
      underUserspace(backendListens),
      ...node,
      peerReachesNode,
      tunnelFits,
      peerGetsDirect,
    ],
    address: ({ guest, target }) => nodeAddress(guest?.status, target, target.port),
    dial: directDial,
  },
  {
    id: 'host-proxy',
    whyNot: noProxy,
    checks: [proxyNode, hostPortAnswers, proxyServes, proxyAnswers],
    address: (facts) => servedAddress(facts.proxy?.status, facts.target, proxyServedFor(facts)),
    dial: (facts) => facts.peer?.proxyDial,
  },
  {
    id: 'host-subnet-router',
    whyNot: noRoute,
    checks: subnetChecks('proxy'),
    address: routedAddress,
    dial: (facts) => facts.peer?.routed?.dial,
  },
  {
    id: 'guest-subnet-router',
    whyNot: noRouter,
    checks: subnetChecks('router'),
    address: routedAddress,
    dial: (facts) => facts.peer?.routed?.dial,
  },
  {
    id: 'wireguard-direct',
    whyNot: noTunnel,
    checks: [guestAnswers, tunnelListens, wireguardUp, clientKnown, udpForwarded, handshakeAnswered, clientGetsAnswer],
    address: ({ wireguard, target }) => typedAddress(target, wireguard?.tunnel.address ?? '', target.port),
    dial: wireguardDial,
  },
  {
    id: 'nebula',
    whyNot: noNebula,
    checks: [
      guestAnswers,
      overlayListens,
      nebulaTun,
      nebulaRuns,
      certificateValid,
      nebulaPort,
      nebulaHandshake,
      nebulaAnswers,
    ],
    address: nebulaAddress,
    dial: (facts) => facts.nebula?.client?.dial,
    whyUntried: (facts) => facts.nebula?.whyUntried,
  },
];

function routedAddress({ target }: Facts): string {
  return typedAddress(target, target.bridgeAddress ?? '', target.port);
}

/** Why this host cannot route to the machine, set up or not. */
export function whyNoRoute({ proxy, target }: Facts): string | undefined {
  if (proxy === undefined) return 'this host has no Tailscale';
  return target.bridgeAddress === undefined ? 'the machine is not on the bridge of this host' : undefined;
}

/** Why this host cannot serve the machine's port, set up or not. */
export function whyNoProxy({ proxy, target }: Facts): string | undefined {
  if (proxy === undefined) return 'this host has no Tailscale';
  return target.hostPort === undefined ? 'the port is not forwarded to this host' : undefined;
}

function noRoute(facts: Facts): string | undefined {
  const why = whyNoRoute(facts);
  if (why !== undefined) return why;
  const { proxy, target } = facts;
  return isAdvertised(proxy, target)
    ? otherWay(facts, proxy)
    : `not set up: vmkit expose ${target.machine} --via subnet`;
}

function noRouter(facts: Facts): string | undefined {
  const { router, target } = facts;
  if (target.bridgeAddress === undefined) return 'the machine is not on the bridge of this host';
  return router === undefined ? 'no machine on the bridge routes it (use: tailscale, routes)' : otherWay(facts, router);
}

/** Peers take one route: the narrowest. What another one leads to says nothing of this one. */
function otherWay({ peer, target }: Facts, node: NodeFacts | undefined): string | undefined {
  const via = peer?.routed?.via;
  const own = node?.status?.Self.TailscaleIPs?.[0];
  if (via === undefined || own === undefined || via === own || !isApproved(node, target)) return undefined;
  return `peers take the route of another node, ${via}`;
}

function noTunnel(facts: Facts): string | undefined {
  const why = whyNoWireguard(facts);
  if (why !== undefined) return why;
  return facts.wireguard?.isSetUp === true
    ? undefined
    : `not set up: vmkit expose ${facts.target.machine} --via wireguard`;
}

function noProxy(facts: Facts): string | undefined {
  const why = whyNoProxy(facts);
  if (why !== undefined) return why;
  return proxyServedFor(facts) === undefined
    ? `not set up: vmkit expose ${facts.target.machine} --via proxy`
    : undefined;
}

/** Under TUN the kernel hands a peer's packet to the service; only tailscaled itself needs 127.0.0.1. */
function underUserspace(check: Check): Check {
  return { ...check, look: (facts) => (facts.guest?.status?.TUN === true ? undefined : check.look(facts)) };
}

function noTailscale({ guest }: Facts): string | undefined {
  const isThere = guest === undefined || guest.observed.get('mode')?.exitCode === 0;
  return isThere ? undefined : 'the machine has no Tailscale: add `- use: tailscale` to its services';
}

function otherMode({ guest }: Facts, wanted: 'tun' | 'userspace'): string | undefined {
  const [mode, why] = (guest?.observed.get('mode')?.output ?? '').split('\n');
  if (mode === undefined || mode === '' || mode === wanted) return undefined;
  return `tailscaled runs with ${mode} networking: ${why}`;
}

/** A service on 127.0.0.1 alone is as it should be: serve leads to it. Userspace networking dials 127.0.0.1 itself. */
function loopbackOnly({ guest, target }: Facts): string | undefined {
  if (guest?.status?.TUN !== true) return undefined;
  const onPort = parseListeners(guest.observed.get('listeners')?.output ?? '').filter(
    ({ port }) => port === target.port,
  );
  return onPort.length > 0 && !onPort.some(takesAll) ? 'the service is not on the tailnet address' : undefined;
}

function serveAddress(facts: Facts): string | undefined {
  return servedAddress(facts.guest?.status, facts.target, servedFor(facts));
}

function servedAddress(
  status: TailscaleStatus | undefined,
  target: Target,
  served: ServeEntry | undefined,
): string | undefined {
  const host = nodeName(status);
  if (served === undefined || host === undefined) return undefined;
  const { as, port } = served;
  if (as === 'tcp') return typedAddress(target, host, port);
  const isDefault = (as === 'http' && port === 80) || (as === 'https' && port === 443);
  return `${as}://${host}${isDefault ? '' : `:${port}`}/`;
}

function nodeAddress(status: TailscaleStatus | undefined, target: Target, port: number): string | undefined {
  const host = nodeName(status);
  return host === undefined ? undefined : typedAddress(target, host, port);
}

/** The name of the node where the tailnet has names, else its address. */
function nodeName(status: TailscaleStatus | undefined): string | undefined {
  const name = status?.Self.DNSName.replace(/\.$/, '') ?? '';
  return name === '' ? status?.Self.TailscaleIPs?.[0] : name;
}
