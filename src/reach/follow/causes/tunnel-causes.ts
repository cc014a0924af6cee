import { refusedCertificate } from '../../checks/nebula-client.ts';
import type { Facts } from '../../facts.ts';
import { toldBy } from '../../look/tunnels/nebula-facts.ts';
import type { WayId } from '../../report.ts';
import type { Watched } from '../seen/sightings.ts';
import type { OuterStep, Step } from '../step.ts';
import type { Why } from './causes.ts';
import { inKernel } from './kernel-causes.ts';

// Of tunnels without Tailscale: the datagrams that one is made of, and what comes out of it in the guest.

/** A datagram of the tunnel ended there, or its answer did. */
export function endedOutside(way: WayId, end: OuterStep, watched: Watched | undefined, facts: Facts): Why {
  const port = `UDP ${end.port}`;
  switch (end.id) {
    case 'outer-say':
    case 'outer-arrive': {
      const title = `${port} of the host does not lead to the guest`;
      const fix = `Does a firewall drop ${port} (nft list ruleset)? Does the endpoint lead here?`;
      return { cause: 'tunnel-not-arrived', hop: 'host', title, fix, isCertain: false };
    }
    case 'outer-answer':
      return notAnswered(way, end, watched, facts);
    default:
      return inKernel(end, watched, facts);
  }
}

/** It was let in, and nothing was said to it. */
function notAnswered(way: WayId, { port }: Step, watched: Watched | undefined, facts: Facts): Why {
  const service = way === 'nebula' ? 'nebula' : 'wireguard';
  const logs = `vmkit logs ${facts.target.machine} ${service}`;
  const refused = watched?.words?.find(
    ({ reason, protocol, toPort }) => reason === 'NO_SOCKET' && protocol === 'udp' && toPort === port,
  );
  if (refused !== undefined) {
    const observed = `the kernel: NO_SOCKET in ${refused.where}`;
    const title = `nothing in the guest takes UDP ${port}`;
    return { cause: `${service}-down`, hop: 'guest', title, observed, fix: logs, isCertain: true, isGeneral: true };
  }
  const observed = handshakesOf(way, facts).join(', ');
  return {
    ...(observed === '' ? {} : { observed }),
    cause: 'handshake-refused',
    hop: 'guest',
    title: "the guest's end of the tunnel takes the handshake, and does not answer it",
    fix: `Is it made with the keys of this machine, and is the client's clock not behind an earlier one? ${logs}`,
    // Nebula's log says more of it.
    isCertain: way !== 'nebula' || refusedCertificate(facts) === undefined,
  };
}

/** The client sent it, and the guest's kernel did not get it from the tunnel's interface. */
export function lostInTunnel(way: WayId, last: Step | undefined, facts: Facts): Why {
  const { target } = facts;
  const handshakes = handshakesOf(way, facts);
  if (last?.id === 'outer-leave' && !hasShaken(way, facts)) {
    return {
      ...(handshakes.length === 0 ? {} : { observed: handshakes.join(', ') }),
      cause: 'handshake-answer-lost',
      hop: 'host',
      title: 'the guest answers the handshake, and the client does not hear it',
      fix: `Does a firewall drop what comes from UDP ${last.port} (nft list ruleset)?`,
      isCertain: false,
    };
  }
  return {
    ...(handshakes.length === 0 ? {} : { observed: handshakes.join(', ') }),
    cause: 'lost-in-tunnel',
    hop: 'guest',
    title: "the connection does not come out of the guest's end of the tunnel",
    fix: `Is the client one of the machine's, and let in by its rules? vmkit logs ${target.machine} ${way === 'nebula' ? 'nebula' : 'wireguard'}`,
    isCertain: false,
  };
}

function handshakesOf(way: WayId, facts: Facts): string[] {
  return way === 'nebula' ? nebulaHandshakes(facts) : wireguardHandshakes(facts);
}

/** Whether the client had an answer to its handshake. */
function hasShaken(way: WayId, { wireguard, nebula }: Facts): boolean {
  const handshake = way === 'nebula' ? nebula?.client?.handshake : wireguard?.handshake;
  return handshake?.exitCode === 0;
}

function wireguardHandshakes({ guest }: Facts): string[] {
  const shown = guest?.observed.get('wireguard')?.output ?? '';
  return [...shown.matchAll(/^peer: (.*)|^ *(latest handshake: .*)|^ *(transfer: .*)/gm)].map(
    ([, peer, ...rest]) => rest.find((each) => each !== undefined) ?? `wg show wg0: peer ${peer}`,
  );
}

/** What both ends say of their last handshake, and of whom they ask for others (lighthouse): Nebula keeps it in its log alone. */
function nebulaHandshakes({ guest, nebula }: Facts): string[] {
  const own = (nebula?.client?.guestLog ?? guest?.observed.get('nebulaLog'))?.output ?? '';
  const ends = [
    ['the client', nebula?.client?.handshake.output ?? ''],
    ['the guest', own],
  ] as const;
  return ends.flatMap(([who, log]) => {
    const lines = log.split('\n').filter((line) => /handshake|lighthouse|tunnel|roam|certificate/i.test(line));
    const last = lines.at(-1);
    if (last === undefined) return [];
    const at = /^(\d{4}-\d\d-\d\dT?\s?[\d:.]+)/.exec(last)?.[1];
    return [`${who}: ${toldBy(last)}${at === undefined ? '' : ` at ${at}`}`];
  });
}
