import { broken, type Check, fine, said } from './check.ts';
import { listensInTunnel } from './listens.ts';

/** The guest's end of WireGuard. */

export const tunnelListens = listensInTunnel('tunnel-backend', ({ wireguard }) => wireguard?.tunnel.address);

export const wireguardUp: Check = {
  id: 'wireguard',
  title: 'wg0 is up and listens',
  hop: 'guest',
  look: ({ guest, target, wireguard }) => {
    const link = guest?.observed.get('wireguardLink');
    const shown = guest?.observed.get('wireguard');
    if (link === undefined || wireguard === undefined) return undefined;
    const isUp = /<[^>]*\bUP\b/.test(link.output);
    const listens = new RegExp(`^\\s*listening port: ${wireguard.tunnel.port}$`, 'm').test(shown?.output ?? '');
    if (isUp && listens) return fine(link, shown);
    return broken(
      {
        cause: 'wireguard-down',
        title: isUp ? `wg0 does not listen on UDP ${wireguard.tunnel.port}` : 'wg0 is not there, or down, in the guest',
        observed: said(isUp ? shown : link),
        fix: `vmkit logs ${target.machine} wireguard; if it was added since the last boot: vmkit stop ${target.machine} && vmkit boot ${target.machine}`,
      },
      link,
      shown,
    );
  },
};

export const clientKnown: Check = {
  id: 'wireguard-client',
  title: "the guest knows the client's key",
  hop: 'guest',
  look: ({ guest, target, wireguard }) => {
    const shown = guest?.observed.get('wireguard');
    if (shown === undefined || wireguard === undefined) return undefined;
    const known = [...shown.output.matchAll(/^peer: (.+)$/gm)].map(([, key]) => key);
    if (known.includes(wireguard.clientKey)) return fine(shown);
    return broken(
      {
        cause: 'wireguard-unknown-client',
        title: "the guest does not know the client's key",
        observed: `wg show wg0: ${known.length} other peers, not ${wireguard.clientKey ?? 'one that is still to be made'}`,
        fix: `vmkit stop ${target.machine} && vmkit boot ${target.machine}: each boot tells the guest which clients there are`,
      },
      shown,
    );
  },
};
