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
    const { clientKey, tunnel } = wireguard;
    const known = [...shown.output.matchAll(/^peer: (.+)$/gm)].map(([, key]) => key);
    if (clientKey !== undefined && known.includes(clientKey)) {
      const allowed = allowedFor(clientKey, shown.output);
      if (allowed.split(', ').includes(`${tunnel.probe.address}/32`)) return fine(shown);
      return broken(
        {
          cause: 'wireguard-allowed-ips',
          title: "the guest does not take the client's address in the tunnel from it",
          observed: `wg show wg0: allowed ips: ${allowed}, without ${tunnel.probe.address}`,
          fix: rebootText(target.machine),
        },
        shown,
      );
    }
    return broken(
      {
        cause: 'wireguard-unknown-client',
        title: "the guest does not know the client's key",
        observed: `wg show wg0: ${known.length} other peers, not ${wireguard.clientKey ?? 'one that is still to be made'}`,
        fix: rebootText(target.machine),
      },
      shown,
    );
  },
};

/** `10.88.0.254/32`, `(none)`. */
function allowedFor(key: string, shown: string): string {
  const [, own = ''] = shown.split(`peer: ${key}\n`);
  const [section = ''] = own.split('\npeer: ');
  return /^ *allowed ips: (.+)$/m.exec(section)?.[1] ?? '(none)';
}

function rebootText(machine: string): string {
  return `vmkit stop ${machine} && vmkit boot ${machine}: each boot tells the guest its key, and which clients there are`;
}

/** What clients were told of the machine. */
export const ownKey: Check = {
  id: 'wireguard-key',
  title: 'the guest has the key that its clients know',
  hop: 'guest',
  look: ({ guest, target, wireguard }) => {
    const shown = guest?.observed.get('wireguard');
    const own = /^ *public key: (.+)$/m.exec(shown?.output ?? '')?.[1];
    if (own === undefined || wireguard?.machineKey === undefined) return undefined;
    if (own === wireguard.machineKey) return fine(shown);
    return broken(
      {
        cause: 'wireguard-other-key',
        title: 'the guest has another key than its clients know',
        observed: `wg show wg0: public key: ${own}, not ${wireguard.machineKey}`,
        fix: rebootText(target.machine),
      },
      shown,
    );
  },
};
