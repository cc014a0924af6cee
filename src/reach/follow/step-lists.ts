import { FIRST_FREE_PORT } from '../../net/endpoint.ts';
import type { HopId } from '../report.ts';
import type { Hook, Sighting } from './seen/sighting.ts';
import type { IsOurs, OuterStepId, Place, Step, StepId, Tunnel } from './step.ts';

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
export function intoGuest(port: number, isOurs: IsOurs): Step[] {
  const step = (id: StepId, hop: HopId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, hop, title, isPart, port },
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
export function onLoopback(port: number): Step[] {
  const step = (id: StepId, hop: HopId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, hop, title, isPart, port },
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

/**
 * The datagrams of a tunnel, to its UDP port and back, and then what comes out of it. Clients behind a NAT have any address. The bridge keeps the port that the
 * client sent from; QEMU's user network sends from one of its own, so there the datagrams of all clients count.
 */
export function throughTunnel(tunnel: Tunnel | undefined, port: number, isBridge: boolean): Step[] {
  const { address, port: udpPort = 0, sentFrom, client }: Partial<Tunnel> = tunnel ?? {};
  const isOurs: IsOurs = ({ local, remote }) => local === address && (client === undefined || remote === client);
  const isClients = ({ fromPort, toPort }: Sighting): boolean =>
    sentFrom === undefined || fromPort === sentFrom || toPort === sentFrom;
  const step = (id: OuterStepId, hop: HopId, title: string, isPart: Step['isPart'], place: Place = 'guest'): Step => ({
    ...{ id, hop, title, isPart, place },
    port: udpPort,
  });
  // By loopback where QEMU holds the port.
  const isSaid: Step['isPart'] = (each) =>
    (each.hook === 'said' || each.hook === 'arrived') &&
    each.kind === 'any' &&
    each.toPort === udpPort &&
    isClients(each);
  const inGuest = (hook: Hook, direction: 'to' | 'from'): Step['isPart'] => {
    const isPart = packets(hook, direction, udpPort);
    return (each) => isPart(each) && (!isBridge || isClients(each));
  };
  return [
    step('outer-say', 'host', `the tunnel's datagrams come to UDP ${udpPort} of the host`, isSaid, 'host'),
    step('outer-arrive', 'host', 'they arrive in the guest', inGuest('arrived', 'to')),
    step('outer-deliver', 'guest', "the guest's packet filter lets them in", inGuest('delivered', 'to')),
    step('outer-answer', 'guest', "the guest's end of the tunnel answers", inGuest('said', 'from')),
    step('outer-leave', 'guest', 'its datagrams leave the guest', inGuest('left', 'from')),
    ...intoGuest(port, isOurs),
  ];
}

/** By this host's tailscaled to the port that QEMU holds. */
export function onHost(hostPort: number): Step[] {
  const step = (id: StepId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, title, isPart, port: hostPort },
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

export function throughRouter(place: Place, port: number, isOurs: IsOurs): Step[] {
  const step = (id: StepId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, title, isPart, place, port },
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

/** By the kernel of a peer whose tailnet is an interface: its question, the answer to the connection, the service's answer. */
export function atPeer(port: number, isOurs: IsOurs): Readonly<Record<'asks' | 'hears' | 'gets', Step[]>> {
  const step = (id: StepId, title: string, isPart: Step['isPart']): Step => ({
    ...{ id, title, isPart, port },
    place: 'peer',
    hop: 'peer',
  });
  const [ours, taken, data] = [{ isOurs }, { isOurs, kind: 'taken' }, { isOurs, kind: 'data' }] as const;
  return {
    asks: [
      step('peer-say', "the peer's kernel sends it into the tailnet", packets('said', 'to', port, ours)),
      step('peer-leave', "the peer's packet filter lets it out", packets('left', 'to', port, ours)),
    ],
    hears: [
      step('peer-back', 'the connection is taken, and the peer hears of it', packets('arrived', 'from', port, taken)),
      step('peer-hear', "the peer's packet filter lets that in", packets('delivered', 'from', port, taken)),
    ],
    gets: [
      step('peer-answer', 'the answer arrives at the peer', packets('arrived', 'from', port, data)),
      step('peer-answer-in', "the peer's packet filter lets it in", packets('delivered', 'from', port, data)),
    ],
  };
}
