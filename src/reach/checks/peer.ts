import { isAnswered } from '../../net/dial.ts';
import { isOwn } from '../../tailnet/tailscale-json.ts';
import type { Dial, Facts } from '../facts.ts';
import { saidByNodes } from '../look/node-evidence.ts';
import { broken, type Check, fine, onDial, onObserved, said } from './check.ts';
import { servedFor } from './node.ts';

/** What only a peer can tell. */

/** Without one the guest reaches neither peer nor relay, unless they are on its own networks. */
export const defaultRoute: Check = {
  id: 'default-route',
  title: 'the guest has a default route',
  hop: 'guest',
  look: onObserved('guest', 'routes', [], (routes, { target }) =>
    routes.exitCode !== 0 || /^default /m.test(routes.output)
      ? undefined
      : {
          cause: 'no-default-route',
          title: 'the guest has no default route: it reaches neither peer nor relay',
          observed: `ip route: ${routes.output.split('\n').join('; ') || 'empty'}`,
          fix: `vmkit stop ${target.machine} && vmkit boot ${target.machine}, which sets it up again`,
        },
  ),
};

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
    const relay = guest?.status?.Self.Relay ?? '';
    return broken(
      {
        cause: 'no-path',
        title:
          guest?.status === undefined
            ? 'the node does not answer: it has no path, or its tailscaled does not work, of which the guest says nothing'
            : 'no DERP relay and no direct path between the peer and the guest',
        observed: [
          said(ping),
          relay === '' ? 'the guest has no home relay' : `the guest's home relay: ${relay}`,
          ...saidByNodes({ guest, peer }),
        ].join('; '),
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

/** Serve may lead to another machine, or to an address that is nobody's. */
export const serveLeadsHere: Check = {
  id: 'serve-target',
  title: 'serve leads to this machine, or to somebody who answers',
  hop: 'tailscaled',
  look: (facts) => {
    const { guest, target } = facts;
    const served = servedFor(facts);
    const dial = serveDial(facts);
    if (served === undefined || dial === undefined) return undefined;
    const seen = guest?.observed.get('serve');
    if (isOwn(served) || isAnswered(dial)) return fine(seen);
    return broken(
      {
        cause: 'serve-leads-elsewhere',
        title: `serve leads to ${served.at}, which is not 127.0.0.1, and nobody answers there`,
        observed: `tailscale serve status: ${served.as} ${served.port} leads to ${served.at}:${served.to}`,
        fix: `vmkit exec ${target.machine} -- tailscale serve reset; vmkit expose ${target.machine} --via guest`,
      },
      seen,
      guest?.observed.get('log'),
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
  coming: 'the answer comes slowly',
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
