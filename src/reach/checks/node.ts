import { plannedFor, type Served, servedPorts, servedTo, withoutDot } from '../../tailnet/tailscale-json.ts';
import type { Facts } from '../facts.ts';
import { parseListeners, takesAll } from '../look/guest/listeners.ts';
import { broken, type Check, fine, onObserved, said } from './check.ts';

/** The guest as a node of the tailnet. */

export const tunThere: Check = {
  id: 'tun',
  title: '/dev/net/tun opens',
  hop: 'guest',
  look: ({ guest, target }) => {
    const tun = guest?.observed.get('tun');
    if (tun === undefined) return undefined;
    if (tun.exitCode === 0) return fine(tun, guest?.observed.get('mode'));
    return broken(
      {
        cause: 'tun-missing',
        title: '/dev/net/tun is missing in the guest',
        observed: said(tun),
        fix: `CONFIG_TUN=y in the kernel (vmkit check-kernel ${target.machine}), or mode: userspace in vm.yaml`,
      },
      tun,
      guest?.observed.get('mode'),
    );
  },
};

export const packetFilter: Check = {
  id: 'packet-filter',
  title: 'the kernel filters packets',
  hop: 'guest',
  look: onObserved('guest', 'nftables', ['iptables'], (nft, { guest, target }) =>
    nft.exitCode === 0 || guest?.observed.get('iptables')?.exitCode === 0
      ? undefined
      : {
          cause: 'kernel-no-nftables',
          title: 'the kernel has no nftables, and there is no iptables',
          observed: said(nft),
          fix: `CONFIG_NF_TABLES=y and what belongs to it: vmkit check-kernel ${target.machine}`,
        },
  ),
};

/** States that are the control server's to change (ipn/backend.go, State); the others are tailscaled's own: Stopped, Starting, NoState. */
const CONTROLS = ['Running', 'NeedsLogin', 'NeedsMachineAuth', 'InUseOtherUser'];

export const nodeRuns: Check = {
  id: 'node-runs',
  title: 'Tailscale is switched on in the guest',
  hop: 'tailscaled',
  look: ({ guest, target }) => {
    if (guest?.status === undefined) return undefined;
    const status = guest.observed.get('status');
    const { BackendState: state, Health: health } = guest.status;
    if (CONTROLS.includes(state)) return fine(status);
    return broken(
      {
        cause: 'node-not-running',
        title: `tailscaled runs, and the node does not: ${state}`,
        observed: [`BackendState ${state}`, ...(health ?? [])].join('; '),
        fix: `vmkit exec ${target.machine} -- tailscale up; vmkit logs ${target.machine} tailscale`,
      },
      status,
      guest.observed.get('log'),
    );
  },
};

export const loggedIn: Check = {
  id: 'logged-in',
  title: 'the node is logged in',
  hop: 'control',
  look: ({ guest, target }) => {
    if (guest?.status === undefined) return undefined;
    const status = guest.observed.get('status');
    const { BackendState: state, Self: self, Health: health } = guest.status;
    const healthText = (health ?? []).join(' ');
    const isExpired = self.Expired || (self.KeyExpiry !== undefined && Date.parse(self.KeyExpiry) < Date.now());
    if (isExpired || (state === 'NeedsLogin' && /expired/i.test(healthText))) {
      return broken(
        {
          cause: 'key-expired',
          title: "the node's key has expired",
          observed: `BackendState ${state}, KeyExpiry ${self.KeyExpiry ?? 'unknown'}`,
          fix: `TS_AUTHKEY=file:PATH vmkit boot ${target.machine} after vmkit stop; or renew the node in the admin console`,
        },
        status,
        guest.observed.get('log'),
      );
    }
    if (state === 'Running') return fine(status);
    return broken(
      {
        cause: 'not-logged-in',
        title: 'the node is not logged in',
        observed: [`BackendState ${state}`, healthText].filter((text) => text !== '').join('; '),
        fix: `TS_AUTHKEY=file:PATH vmkit boot ${target.machine}, after vmkit stop ${target.machine}`,
      },
      status,
      guest.observed.get('refused'),
    );
  },
};

/** The serve entry that leads to the service, where there is one. */
export function servedFor({ guest, node, target }: Facts): Served | undefined {
  const entries = guest?.serve === undefined ? plannedFor(node, target.port) : servedTo(guest.serve, target.port);
  return entries[0];
}

/** Where serve leads instead. */
function leadsTo({ guest }: Facts): string | undefined {
  const entries = servedPorts(guest?.serve).map(({ as, port, at, to }) => `${as} ${port} leads to ${at}:${to}`);
  return entries.length === 0 ? undefined : `tailscale serve status: ${entries.join(', ')}`;
}

export const serveConfigured: Check = {
  id: 'serve',
  title: 'serve leads to the service',
  hop: 'tailscaled',
  look: onObserved('guest', 'serve', [], (serve, facts) =>
    servedFor(facts) !== undefined
      ? undefined
      : {
          cause: 'serve-not-configured',
          title: `tailscale serve has no entry for port ${facts.target.port}`,
          observed: leadsTo(facts) ?? said(serve),
          fix: `vmkit expose ${facts.target.machine} --via guest`,
        },
  ),
};

/** By https tailscaled takes the connection, and waits for a certificate that it does not get. */
export const certificateAllowed: Check = {
  id: 'certificate',
  title: 'the node may have a certificate',
  hop: 'tailscaled',
  look: (facts) => {
    const { guest, target } = facts;
    const served = servedFor(facts);
    if (served?.as !== 'https' || guest?.status === undefined) return undefined;
    const status = guest.observed.get('status');
    const names = guest.status.CertDomains ?? [];
    if (names.includes(withoutDot(guest.status.Self.DNSName))) return fine(status);
    return broken(
      {
        cause: 'https-off',
        title: 'serve asks by https, and the node gets no certificate: HTTPS is off in this tailnet',
        observed: `tailscale status: CertDomains ${names.join(', ') || 'none'}`,
        fix: `Turn HTTPS on for the tailnet (admin console, DNS), or serve without it: as: http in vm.yaml; vmkit unexpose ${target.machine}`,
      },
      status,
      guest.observed.get('log'),
    );
  },
};

/** Under TUN tailscaled binds the tailnet address: a service on all addresses has the port already. */
export const servePortFree: Check = {
  id: 'serve-port',
  title: "serve's port is its own",
  hop: 'tailscaled',
  look: (facts) => {
    const { guest } = facts;
    const served = servedFor(facts);
    const sockets = guest?.observed.get('listeners');
    if (served === undefined || sockets === undefined || guest?.status?.TUN !== true) return undefined;
    const clash = parseListeners(sockets.output).find((each) => each.port === served.port && takesAll(each));
    if (clash === undefined) return fine(sockets);
    return broken(
      {
        cause: 'port-clash',
        title: `a service holds serve's port ${served.port} on all addresses`,
        observed: `ss -ltn: ${clash.address}:${clash.port}`,
        fix: `Serve another port, or let that service listen on 127.0.0.1`,
      },
      sockets,
      guest.observed.get('log'),
    );
  },
};
