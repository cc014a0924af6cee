import type { Dial, Facts } from '../facts.ts';
import { broken, type Check, fine, onDial, said } from './check.ts';

/** Clients come in by WireGuard, straight to the machine's own address in the tunnel. */

/** Why there is no such way, set up or not. */
export function whyNoWireguard({ wireguard }: Facts): string | undefined {
  if (wireguard === undefined) return 'the machine has no WireGuard: add `- use: wireguard` to its services';
  const { takenBy, tunnel } = wireguard;
  if (takenBy === undefined) return undefined;
  return `UDP ${tunnel.port} of the host is taken: ${takenBy}; give \`use: wireguard\` another port`;
}

export const udpForwarded: Check = {
  id: 'udp-port',
  title: "the host's UDP port leads to the guest",
  hop: 'host',
  look: ({ target, wireguard }) => {
    const forward = wireguard?.forward;
    if (forward === undefined) return undefined;
    if (forward.exitCode === 0) return fine(forward);
    return broken(
      {
        cause: 'udp-not-forwarded',
        title: `UDP ${wireguard?.tunnel.port} of the host does not lead to the guest`,
        observed: said(forward),
        fix:
          target.bridgeAddress === undefined
            ? `vmkit stop ${target.machine} && vmkit boot ${target.machine}`
            : `vmkit expose ${target.machine} --via wireguard`,
      },
      forward,
    );
  },
};

export const handshakeAnswered: Check = {
  id: 'wireguard-handshake',
  title: 'the guest answers a handshake',
  hop: 'host',
  look: ({ wireguard }) => {
    const handshake = wireguard?.handshake;
    if (handshake === undefined) return undefined;
    if (handshake.exitCode === 0) return fine(handshake);
    return broken(
      {
        cause: 'wireguard-no-handshake',
        title: 'no answer to the WireGuard handshake',
        observed: said(handshake),
        fix: `Does a firewall drop UDP ${wireguard?.tunnel.port}, on the host (nft list ruleset) or in the guest? Does the endpoint lead here?`,
      },
      handshake,
    );
  },
};

/** Packets come through the tunnel by now: what is left is the guest's own firewall, and the service. */
const FIXES: Partial<Record<Dial['result'], string>> = {
  timeout: 'Does a firewall in the guest drop what comes from wg0 (nft list ruleset)? ',
  silent: 'Where only long packets are lost, a smaller MTU at the client helps. ',
  refused: "Nothing takes the connection on the tunnel's address (ss -ltn). ",
};

const dialAnswered = onDial(wireguardDial, ({ result, observation }, { target }) => ({
  title: `the client's dial through the tunnel ended: ${result}`,
  observed: said(observation),
  fix: `${FIXES[result] ?? ''}vmkit logs ${target.machine} ${target.name}`,
}));

export const clientGetsAnswer: Check = {
  id: 'wireguard-answers',
  isOfDial: true,
  title: 'the client gets an answer through the tunnel',
  hop: 'backend',
  look: dialAnswered,
};

export function wireguardDial({ wireguard }: Facts): Dial | undefined {
  return wireguard?.dial;
}
