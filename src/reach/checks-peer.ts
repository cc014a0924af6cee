import { broken, type Check, type Dial, type Facts, fine, said } from './check.ts';
import { servedFor } from './checks-node.ts';

/** What only a peer can tell. */

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

export const peerGetsServe = firstByte('serve-answers', 'the peer gets an answer through serve', (facts) =>
  facts.peer?.dials.get(servedFor(facts)?.port ?? 0),
);

export const peerGetsDirect = firstByte('direct-answers', 'the peer gets an answer from the service', (facts) =>
  facts.peer?.dials.get(facts.target.port),
);

/** What the end of a dial says when nothing below it is wrong (facts, section 1). */
const MEANING: Readonly<Record<Dial['result'], string>> = {
  data: '',
  open: '',
  closed: 'tailscaled took the connection and ended it: its dial of the backend failed',
  refused: 'nothing listens there',
  timeout: 'no answer: packets are dropped on the way',
  failed: 'the dial failed',
};

function firstByte(id: string, title: string, dialOf: (facts: Facts) => Dial | undefined): Check {
  return {
    id,
    title,
    hop: 'peer',
    look: (facts) => {
      const dial = dialOf(facts);
      if (dial === undefined) return undefined;
      if (dial.result === 'data' || dial.result === 'open') return fine(dial.observation);
      return broken(
        {
          cause: `dial-${dial.result}`,
          title: `the peer's dial ended: ${dial.result}`,
          observed: `${said(dial.observation)} (${MEANING[dial.result]})`,
          fix: `vmkit logs ${facts.target.machine} tailscale`,
        },
        dial.observation,
        facts.guest?.observed.get('log'),
      );
    },
  };
}
