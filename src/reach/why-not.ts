import { proxyServedFor } from './checks/proxy.ts';
import { isAdvertised, isApproved } from './checks/subnet.ts';
import { whyNoWireguard } from './checks/wireguard.ts';
import type { Facts, NodeFacts } from './facts.ts';
import { parseListeners, takesAll } from './look/guest/listeners.ts';

// Why a machine or this host does not offer a way, in words for a person; undefined: it does.

/** A phone's app is no node that anybody else can set up. */
function noNode(phone: Facts['phone']): string {
  return phone === undefined
    ? 'the host has no Tailscale'
    : 'the phone has no node of its own: vmkit host setup --tailnet';
}

/** Why this host cannot route to the machine, set up or not. */
export function whyNoRoute({ proxy, phone, target }: Facts): string | undefined {
  if (proxy === undefined) return noNode(phone);
  return target.bridgeAddress === undefined ? 'the machine is not on the bridge of the host' : undefined;
}

/** Why this host cannot serve the machine's port, set up or not. */
export function whyNoProxy({ proxy, phone, target }: Facts): string | undefined {
  if (proxy === undefined) return noNode(phone);
  return target.hostPort === undefined ? 'the port is not forwarded to the host' : undefined;
}

export function noRoute(facts: Facts): string | undefined {
  const why = whyNoRoute(facts);
  if (why !== undefined) return why;
  const { proxy, target } = facts;
  return isAdvertised(proxy, target)
    ? otherWay(facts, proxy)
    : `not set up: vmkit expose ${target.machine} --via subnet`;
}

export function noRouter(facts: Facts): string | undefined {
  const { router, target } = facts;
  if (target.bridgeAddress === undefined) return 'the machine is not on the bridge of the host';
  return router === undefined ? 'no machine on the bridge routes it (use: tailscale, routes)' : otherWay(facts, router);
}

/** Peers take one route: the narrowest. What another one leads to says nothing of this one. */
function otherWay({ peer, target }: Facts, node: NodeFacts | undefined): string | undefined {
  const via = peer?.routed?.via;
  const own = node?.status?.Self.TailscaleIPs?.[0];
  if (via === undefined || own === undefined || via === own || !isApproved(node, target)) return undefined;
  return `peers take the route of another node, ${via}`;
}

export function noTunnel(facts: Facts): string | undefined {
  const why = whyNoWireguard(facts);
  if (why !== undefined) return why;
  return facts.wireguard?.isSetUp === true
    ? undefined
    : `not set up: vmkit expose ${facts.target.machine} --via wireguard`;
}

export function noProxy(facts: Facts): string | undefined {
  const why = whyNoProxy(facts);
  if (why !== undefined) return why;
  return proxyServedFor(facts) === undefined
    ? `not set up: vmkit expose ${facts.target.machine} --via proxy`
    : undefined;
}

export function noTailscale({ guest, node }: Facts): string | undefined {
  const mode = guest?.observed.get('mode');
  const isThere = mode === undefined ? guest === undefined || node !== undefined : mode.exitCode === 0;
  return isThere ? undefined : 'the machine has no Tailscale: add `- use: tailscale` to its services';
}

/** A guest that does not tell is taken for what its definition says. */
export function otherMode({ guest, node }: Facts, wanted: 'tun' | 'userspace'): string | undefined {
  const [mode, why] = (guest?.observed.get('mode')?.output ?? '').split('\n');
  const planned = node === undefined ? undefined : node.isUserspace ? 'userspace' : 'tun';
  const told = mode === undefined || mode === '' ? planned : mode;
  if (told === undefined || told === wanted) return undefined;
  return `tailscaled runs with ${told} networking${why === undefined ? ', by the definition' : `: ${why}`}`;
}

/** A service on 127.0.0.1 alone is as it should be: serve leads to it. Userspace networking dials 127.0.0.1 itself. */
export function loopbackOnly({ guest, target }: Facts): string | undefined {
  if (guest?.status?.TUN !== true) return undefined;
  const onPort = parseListeners(guest.observed.get('listeners')?.output ?? '').filter(
    ({ port }) => port === target.port,
  );
  return onPort.length > 0 && !onPort.some(takesAll) ? 'the service is not on the tailnet address' : undefined;
}
