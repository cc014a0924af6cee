import type { Dial, Facts } from '../facts.ts';
import { broken, type Check, fine, onDial, said } from './check.ts';
import { servedFor } from './node.ts';

/** What only a peer can tell. */

export const peerKnowsNode: Check = {
  id: 'peer-knows',
  title: 'the peer knows the node',
  hop: 'control',
  look: ({ peer, guest, target }) => {
    if (peer?.knowsNode === undefined) return undefined;
    if (peer.knowsNode) return fine(peer.status);
    return broken(
      {
        cause: 'node-hidden',
        title: 'the peer does not know the node: the rules of the tailnet hide it, or it is in another tailnet',
        observed: `tailscale status, at the peer: no ${guest?.status?.Self.TailscaleIPs?.[0] ?? 'such node'}`,
        fix: `Let the peer reach ${target.machine} in the access rules (admin console, or headscale policy)`,
      },
      peer.status,
    );
  },
};

export const peerReachesNode: Check = {
  id: 'peer-ping',
  title: 'the peer reaches the node',
  hop: 'relay',
  look: ({ peer, guest, target }) => {
    const ping = peer?.ping;
    if (ping === undefined) return undefined;
    if (/^pong from /m.test(ping.output)) return fine(ping);
    const health = (guest?.status?.Health ?? []).join(' ');
    const relay = guest?.status?.Self.Relay ?? '';
    return broken(
      {
        cause: 'no-path',
        title: 'no DERP relay and no direct path between the peer and the guest',
        observed: [
          said(ping),
          relay === '' ? 'the guest has no home relay' : `the guest's home relay: ${relay}`,
          health,
        ]
          .filter((text) => text !== '')
          .join('; '),
        fix: `Let UDP out of both networks, or let them reach a relay over TCP: vmkit exec ${target.machine} -- tailscale netcheck`,
      },
      ping,
      guest?.observed.get('status'),
    );
  },
};

/** Small messages come through and the largest do not: connections open, and hang at the first large answer. */
export const tunnelFits: Check = {
  id: 'mtu',
  title: "the tunnel's largest packets come through",
  hop: 'relay',
  look: ({ peer, target }) => {
    const ping = peer?.largePing;
    if (ping === undefined) return undefined;
    if (/^pong from /m.test(ping.output)) return fine(peer?.ping, ping);
    return broken(
      {
        cause: 'mtu-too-large',
        title: 'the MTU inside the tunnel is too large for the path: large packets are lost',
        observed: said(ping),
        fix: `Let packets of 1340 bytes through (a tunnel below this one, a firewall that drops fragments), or make the tunnel's smaller: vmkit exec ${target.machine} -- ip link set tailscale0 mtu 1200, and at the peer`,
      },
      peer?.ping,
      ping,
    );
  },
};

/** The dial of serve's port, and that of the service's own. */
export function serveDial(facts: Facts): Dial | undefined {
  return facts.peer?.dials.get(servedFor(facts)?.port ?? 0);
}
export function directDial({ peer, target }: Facts): Dial | undefined {
  return peer?.dials.get(target.port);
}

export const peerGetsServe = guestDialled('serve-answers', 'the peer gets an answer through serve', serveDial);

export const peerGetsDirect = guestDialled('direct-answers', 'the peer gets an answer from the service', directDial);

/** What the end of a dial says when nothing below it is wrong (facts, section 1). */
const MEANING: Readonly<Record<Dial['result'], string>> = {
  data: '',
  silent: 'the connection is taken, and nothing is said on it',
  cut: 'the answer began and did not end',
  foreign: 'somebody else answers there',
  closed: 'tailscaled took the connection and ended it: its dial of the backend failed',
  refused: 'nothing listens there',
  timeout: 'no answer: packets are dropped on the way',
  failed: 'the dial failed',
};

function guestDialled(id: string, title: string, dialOf: (facts: Facts) => Dial | undefined): Check {
  const look = onDial(
    dialOf,
    ({ result, observation }, { target }) => ({
      title: `the peer's dial ended: ${result}`,
      observed: `${said(observation)} (${MEANING[result]})`,
      fix: `vmkit logs ${target.machine} tailscale`,
    }),
    ({ guest }) => guest?.observed.get('log'),
  );
  return { id, title, hop: 'peer', isOfDial: true, look };
}
