import { endpointText } from '../../net/endpoint.ts';
import { servedFor } from '../checks/node.ts';
import { vpnOfPhone } from '../checks/phone-vpn.ts';
import { proxyServedFor } from '../checks/proxy.ts';
import type { Facts } from '../facts.ts';
import type { HopId, TrailStep, WayId } from '../report.ts';
import type { Sighting } from './seen/sighting.ts';
import { isOuter, type Step } from './step.ts';
import { stepsOf, type Watches, type Ways } from './steps.ts';

/** A connection's own way, and where it ended. */
export interface Trail {
  readonly steps: readonly TrailStep[];
  /** The first step that did not see what the one before sent; undefined: all that were watched saw it. */
  readonly end: Step | undefined;
  /** The last step that saw it. */
  readonly last: Step | undefined;
  /** The hops that the connection itself has reached; that datagrams of a tunnel pass says nothing of its handshake. */
  readonly reached: readonly HopId[];
  /** The last one at the machine that saw it. */
  readonly lastInGuest: Step | undefined;
}

/**
 * Follows a connection from what each place saw. A step that saw nothing though a later one did was missed, not broken: the end is behind the last that saw it.
 * Undefined: nothing of this way was watched.
 */
export function followTrail(way: WayId, facts: Facts): Trail | undefined {
  const { target, watches, peer, wireguard, nebula, isHostHere } = facts;
  const [overlayAddress = ''] = nebula?.node.address.split('/') ?? [];
  const tunnels = {
    wireguard: wireguard && {
      ...wireguard.tunnel,
      sentFrom: isHostHere ? wireguard.sentFrom : undefined,
      client: wireguard.tunnel.probe.address,
    },
    nebula: nebula && {
      address: overlayAddress,
      port: nebula.node.port,
      sentFrom: isHostHere ? nebula.client?.sentFrom : undefined,
      client: nebula.client?.address,
    },
  };
  const dialled = dialledBy(way, facts);
  const all = stepsOf(way, { ...target, ...tunnels, peer: peer?.address, dialled });
  // Most peers are no kernel's.
  const hasPeer = watches?.peer !== undefined && dialled.address !== undefined;
  const steps = all.filter(({ place }) => place !== 'peer' || hasPeer);
  const said = steps.find(({ id }) => id === 'peer-say');
  const asked = said && sightingsOf(said, watches ?? {})?.map((each) => clientPort(said, each));
  // A connection from before, which the peer did not begin meanwhile, says nothing: the other end may still try to answer it.
  const isOld = (step: Step, sighting: Sighting): boolean =>
    asked !== undefined &&
    [sighting.from, sighting.to].some((each) => each === peer?.address) &&
    !asked.includes(clientPort(step, sighting));
  const seen = steps.map((step) => sightingsOf(step, watches ?? {})?.filter((each) => !isOld(step, each)));
  if (seen.every((each) => each === undefined)) return undefined;
  const lastAt = seen.findLastIndex((each) => each !== undefined && each.length > 0);
  const endAt = seen.findIndex((each, at) => at > lastAt && each !== undefined);
  return {
    steps: steps.map((step, at) => ({
      hop: step.hop,
      place: step.place,
      title: step.title,
      state: stateOf(seen[at], at, lastAt, endAt),
      seen: (seen[at] ?? []).map(textOf).join('; '),
    })),
    end: endAt < 0 ? undefined : steps[endAt],
    last: steps[lastAt],
    reached: steps.filter((step, at) => !isOuter(step) && (seen[at]?.length ?? 0) > 0).map(({ hop }) => hop),
    lastInGuest: steps.findLast(({ place }, at) => place === 'guest' && (seen[at]?.length ?? 0) > 0),
  };
}

/** Where the peer dials; nothing where there is no peer in the tailnet. */
function dialledBy(way: WayId, facts: Facts): Ways['dialled'] {
  const { peer, proxy, target } = facts;
  const node = peer?.node;
  switch (way) {
    case 'guest-serve-tun':
    case 'guest-serve-userspace':
      return { address: node, port: servedFor(facts)?.port };
    case 'guest-direct':
      return { address: node, port: target.port };
    case 'host-proxy':
      return { address: proxy?.status?.Self.TailscaleIPs?.[0], port: proxyServedFor(facts)?.port };
    case 'host-subnet-router':
    case 'guest-subnet-router':
    case 'phone-app-router':
      return { address: target.bridgeAddress, port: target.port };
    case 'phone-port':
      return { address: vpnOfPhone(facts)?.address, port: target.port };
    default:
      return { address: undefined, port: undefined };
  }
}

function stateOf(seen: readonly Sighting[] | undefined, at: number, lastAt: number, endAt: number): TrailStep['state'] {
  if (seen !== undefined && seen.length > 0) return 'seen';
  if (at === endAt) return 'missing';
  return at < lastAt ? 'passed' : 'unknown';
}

function sightingsOf({ place, isPart }: Step, watches: Watches): Sighting[] | undefined {
  return watches[place]?.sightings.filter(isPart);
}

function clientPort({ port }: Step, { fromPort, toPort }: Sighting): number {
  return fromPort === port ? toPort : fromPort;
}

function textOf({ packets, link, from, fromPort, to, toPort }: Sighting): string {
  return `${packets} packet${packets === 1 ? '' : 's'} on ${link}, ${endpointText({ address: from, port: fromPort })} to ${endpointText({ address: to, port: toPort })}`;
}
