import { FIRST_FREE_PORT } from '../../net/endpoint.ts';
import type { HopId, WayId } from '../report.ts';
import type { Sighting, Watched } from './sightings.ts';
import type { Hook } from './watch-script.ts';

/** Where a watch stood. */
export type Place = 'guest' | 'host' | 'router';

/** One place that a connection passes, in the order of time: the question on its way in, then the answer on its way out. */
export interface Step {
  readonly id: StepId;
  readonly place: Place;
  readonly hop: HopId;
  /** What happens there when all is well. */
  readonly title: string;
  /** The packets of that step, among all that the place saw. */
  readonly isPart: (sighting: Sighting) => boolean;
}

export type StepId =
  | 'arrive'
  | 'deliver'
  | 'forward'
  | 'take'
  | 'leave'
  | 'ask'
  | 'answer'
  | 'answer-leaves'
  | 'dial'
  | 'loop'
  | 'loop-deliver'
  | 'loop-take'
  | 'loop-ask'
  | 'loop-answer'
  | 'route-in'
  | 'route-forward'
  | 'route-out'
  | 'back-in'
  | 'back-forward'
  | 'back-out';

/** What tells the connections of one way from those of another. */
export interface Ways {
  /** Of the service, in the guest. */
  readonly port: number;
  /** Of the machine on this host's 127.0.0.1. */
  readonly hostPort: number | undefined;
  readonly bridgeAddress: string | undefined;
  /** The machine's in its tunnels; undefined: it has none. */
  readonly wireguardAddress: string | undefined;
  readonly nebulaAddress: string | undefined;
  /** The peer's address in the tailnet; undefined where nobody knows it. */
  readonly peer: string | undefined;
}

/** The two ends of a connection, as one machine sees them. */
interface Ends {
  readonly local: string;
  readonly remote: string;
}
type IsOurs = (ends: Ends) => boolean;

/** The steps of a way that can be watched. What tailscaled does within itself is told by its own counters. */
export function stepsOf(
  way: WayId,
  { port, hostPort, bridgeAddress, wireguardAddress, nebulaAddress, peer }: Ways,
): readonly Step[] {
  const isRouted: IsOurs = ({ local }) => local === bridgeAddress;
  switch (way) {
    case 'guest-serve-tun':
    case 'guest-serve-userspace':
      return onLoopback(port);
    case 'guest-direct':
      return intoGuest(port, ({ remote }) => peer === undefined || remote === peer);
    case 'wireguard-direct':
      return intoGuest(port, ({ local }) => local === wireguardAddress);
    case 'nebula':
      return intoGuest(port, ({ local }) => local === nebulaAddress);
    case 'host-proxy': {
      const inGuest = intoGuest(port, ({ local, remote }) => local !== bridgeAddress && remote !== peer);
      return [...(hostPort === undefined ? [] : onHost(hostPort)), ...inGuest];
    }
    case 'host-subnet-router':
      return throughRouter('host', port, isRouted);
    case 'guest-subnet-router':
      return throughRouter('router', port, isRouted);
  }
}

/** Packets at a hook to a port, or from it, by loopback or not. */
function packets(
  hook: Hook,
  direction: 'to' | 'from',
  port: number,
  {
    kind = 'any',
    onLo = false,
    isOurs = () => true,
  }: { kind?: Sighting['kind']; onLo?: boolean; isOurs?: IsOurs } = {},
): Step['isPart'] {
  return (each) => {
    if (each.hook !== hook || each.kind !== kind || (each.link === 'lo') !== onLo) return false;
    // The guest asks itself meanwhile.
    if (onLo && (direction === 'to' ? each.fromPort : each.toPort) < FIRST_FREE_PORT) return false;
    return direction === 'to'
      ? each.toPort === port && isOurs({ local: each.to, remote: each.from })
      : each.fromPort === port && isOurs({ local: each.from, remote: each.to });
  };
}

/** By the guest's network interfaces to its kernel, a socket, and back out. */
function intoGuest(port: number, isOurs: IsOurs): Step[] {
  const step = (id: StepId, hop: HopId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, hop, title, isPart },
    place: 'guest',
  });
  const data = { kind: 'data', isOurs } as const;
  const taken = { kind: 'taken', isOurs } as const;
  return [
    step('arrive', 'guest', 'the connection arrives in the guest', packets('arrived', 'to', port, { isOurs })),
    step(
      'deliver',
      'guest',
      "the guest's rules and packet filter let it in",
      packets('delivered', 'to', port, { isOurs }),
    ),
    step('take', 'backend', 'a socket takes it, and the kernel answers', packets('said', 'from', port, taken)),
    step('leave', 'guest', 'that answer leaves the guest', packets('left', 'from', port, taken)),
    step('ask', 'relay', 'the question itself arrives', packets('delivered', 'to', port, data)),
    step('answer', 'backend', 'the service answers', packets('said', 'from', port, data)),
    step('answer-leaves', 'guest', 'the answer leaves the guest', packets('left', 'from', port, data)),
  ];
}

/** By tailscaled, which dials 127.0.0.1. */
function onLoopback(port: number): Step[] {
  const step = (id: StepId, hop: HopId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, hop, title, isPart },
    place: 'guest',
  });
  const [onLo, data, taken] = [{ onLo: true }, { onLo: true, kind: 'data' }, { onLo: true, kind: 'taken' }] as const;
  return [
    step('dial', 'tailscaled', `tailscaled dials 127.0.0.1:${port}`, packets('said', 'to', port, onLo)),
    step('loop', 'loopback', 'loopback carries it', packets('arrived', 'to', port, onLo)),
    step('loop-deliver', 'loopback', 'the packet filter lets it in', packets('delivered', 'to', port, onLo)),
    step('loop-take', 'backend', 'a socket takes it', packets('said', 'from', port, taken)),
    step('loop-ask', 'relay', 'tailscaled passes the question on', packets('delivered', 'to', port, data)),
    step('loop-answer', 'backend', 'the service answers', packets('said', 'from', port, data)),
  ];
}

/** By this host's tailscaled to the port that QEMU holds. */
function onHost(hostPort: number): Step[] {
  const step = (id: StepId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, title, isPart },
    place: 'host',
    hop: 'host',
  });
  const onLo = { onLo: true };
  return [
    step('dial', `this host's tailscaled dials 127.0.0.1:${hostPort}`, packets('said', 'to', hostPort, onLo)),
    step('loop-deliver', "this host's packet filter lets it in", packets('delivered', 'to', hostPort, onLo)),
    step('loop-take', 'QEMU takes it', packets('said', 'from', hostPort, { onLo: true, kind: 'taken' })),
  ];
}

function throughRouter(place: Place, port: number, isOurs: IsOurs): Step[] {
  const step = (id: StepId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, title, isPart, place },
    hop: 'router',
  });
  const inGuest = intoGuest(port, isOurs);
  const ours = { isOurs };
  const taken = { kind: 'taken', isOurs } as const;
  return [
    step('route-in', 'the connection arrives at the router', packets('arrived', 'to', port, ours)),
    step('route-forward', 'the router forwards it', packets('forwarded', 'to', port, ours)),
    step('route-out', 'it leaves the router for the machine', packets('left', 'to', port, ours)),
    ...inGuest.slice(0, 4),
    step('back-in', 'the answer comes back to the router', packets('arrived', 'from', port, taken)),
    step('back-forward', 'the router forwards the answer', packets('forwarded', 'from', port, taken)),
    step('back-out', 'the answer leaves the router for the peer', packets('left', 'from', port, taken)),
    ...inGuest.slice(4),
  ];
}

/** What all places saw; a place that was not watched is not there. */
export type Watches = Readonly<Partial<Record<Place, Watched>>>;
