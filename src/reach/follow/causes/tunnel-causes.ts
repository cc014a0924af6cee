import type { Facts } from '../../facts.ts';
import { toldBy } from '../../look/tunnels/nebula-facts.ts';
import type { WayId } from '../../report.ts';
import type { Why } from './causes.ts';

/** By a tunnel without Tailscale: the client sent it, and the guest's kernel did not get it from the tunnel's interface. */
export function lostInTunnel(way: WayId, facts: Facts): Why {
  const { target } = facts;
  const handshakes = way === 'nebula' ? nebulaHandshakes(facts) : wireguardHandshakes(facts);
  return {
    ...(handshakes.length === 0 ? {} : { observed: handshakes.join(', ') }),
    cause: 'lost-in-tunnel',
    hop: 'guest',
    title: "the connection does not come out of the guest's end of the tunnel",
    fix: `Is the client one of the machine's, and let in by its rules? vmkit logs ${target.machine} ${way === 'nebula' ? 'nebula' : 'wireguard'}`,
    isCertain: false,
  };
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
