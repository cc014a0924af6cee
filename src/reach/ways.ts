import { nodeAddress, routedAddress, serveAddress, servedAddress, typedAddress } from './addresses.ts';
import type { Check } from './checks/check.ts';
import { daemonAnswers } from './checks/daemon.ts';
import {
  backendAnswers,
  backendListens,
  clockRight,
  guestAnswers,
  localRuleFirst,
  loopbackAddress,
  loopbackUp,
  policyRouting,
} from './checks/guest.ts';
import { certificateValid, nebulaAddress, nebulaRuns, nebulaTun, noNebula, overlayListens } from './checks/nebula.ts';
import { nebulaAnswers, nebulaHandshake, nebulaPort } from './checks/nebula-client.ts';
import {
  certificateAllowed,
  loggedIn,
  nodeRuns,
  packetFilter,
  serveConfigured,
  servePortFree,
  tunThere,
} from './checks/node.ts';
import {
  defaultRoute,
  directDial,
  peerGetsDirect,
  peerGetsServe,
  peerKnowsNode,
  peerReachesNode,
  serveDial,
  serveLeadsHere,
  tunnelFits,
} from './checks/peer.ts';
import { appChecks, appDial, noApp, noPort, portChecks, vpnOfPhone, whyPortUntried } from './checks/phone-vpn.ts';
import { hostPortAnswers, proxyAnswers, proxyNode, proxyServedFor, proxyServes } from './checks/proxy.ts';
import { resolverAnswers } from './checks/resolver.ts';
import { subnetChecks } from './checks/subnet.ts';
import { clientKnown, ownKey, tunnelListens, wireguardUp } from './checks/tunnel.ts';
import { clientGetsAnswer, handshakeAnswered, udpForwarded, wireguardDial } from './checks/wireguard.ts';
import type { Dial, Facts } from './facts.ts';
import type { WayId } from './report.ts';
import { loopbackOnly, noProxy, noRoute, noRouter, noTailscale, noTunnel, otherMode } from './why-not.ts';

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
  /** No other host has it. */
  readonly isOfPhone?: true;
}

const node = [daemonAnswers, nodeRuns, loggedIn, resolverAnswers, defaultRoute];
const serve = [
  serveConfigured,
  certificateAllowed,
  servePortFree,
  peerKnowsNode,
  peerReachesNode,
  tunnelFits,
  serveLeadsHere,
  peerGetsServe,
];

/** Under TUN a service may be on the tailnet's address alone: that 127.0.0.1 refuses says nothing. */
const answersOnLoopback: Check = {
  ...backendAnswers,
  look: (facts) => {
    const isApart = facts.guest?.status?.TUN === true && facts.asked?.result === 'refused';
    return isApart ? undefined : backendAnswers.look(facts);
  },
};

/** A peer that knows the node dials what it has heard of by then. */
function servedTooLate({ peer }: Facts): string | undefined {
  return peer?.node === undefined ? undefined : 'the guest told what it serves after the peer had dialled';
}

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
      loopbackAddress,
      localRuleFirst,
      backendListens,
      backendAnswers,
      ...node,
      ...serve,
    ],
    address: serveAddress,
    dial: serveDial,
    whyUntried: servedTooLate,
  },
  {
    id: 'guest-serve-userspace',
    whyNot: (facts) => noTailscale(facts) ?? otherMode(facts, 'userspace'),
    checks: [guestAnswers, clockRight, loopbackUp, loopbackAddress, backendListens, backendAnswers, ...node, ...serve],
    address: serveAddress,
    dial: serveDial,
    whyUntried: servedTooLate,
  },
  {
    id: 'guest-direct',
    whyNot: (facts) => noTailscale(facts) ?? loopbackOnly(facts),
    checks: [
      guestAnswers,
      clockRight,
      underUserspace(loopbackUp),
      underUserspace(backendListens),
      answersOnLoopback,
      ...node,
      peerKnowsNode,
      peerReachesNode,
      tunnelFits,
      peerGetsDirect,
    ],
    address: nodeAddress,
    dial: directDial,
  },
  {
    id: 'host-proxy',
    whyNot: noProxy,
    checks: [proxyNode, hostPortAnswers, proxyServes, proxyAnswers],
    address: (facts) => servedAddress(facts.proxy?.status, facts, proxyServedFor(facts)),
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
    checks: [
      guestAnswers,
      tunnelListens,
      wireguardUp,
      ownKey,
      clientKnown,
      udpForwarded,
      handshakeAnswered,
      clientGetsAnswer,
    ],
    address: ({ wireguard, target }) => typedAddress(target, wireguard?.tunnel.address ?? '', target.port),
    dial: wireguardDial,
    whyUntried: (facts) => facts.wireguard?.whyUntried,
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
  {
    id: 'phone-app-router',
    isOfPhone: true,
    whyNot: noApp,
    checks: appChecks,
    address: routedAddress,
    dial: appDial,
  },
  {
    id: 'phone-port',
    isOfPhone: true,
    whyNot: noPort,
    checks: portChecks,
    address: (facts) => typedAddress(facts.target, vpnOfPhone(facts)?.address ?? '', facts.target.port),
    dial: ({ peer }) => peer?.phoneDial,
    whyUntried: whyPortUntried,
  },
];

/** Under TUN the kernel hands a peer's packet to the service; only tailscaled itself needs 127.0.0.1. */
function underUserspace(check: Check): Check {
  return { ...check, look: (facts) => (facts.guest?.status?.TUN === true ? undefined : check.look(facts)) };
}
