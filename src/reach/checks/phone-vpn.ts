import { parseJson } from '../../core/text/json.ts';
import { portLine, type VpnAddress, vpnAddresses } from '../../host/android/phone-ports.ts';
import { tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import type { Dial, Facts } from '../facts.ts';
import { broken, type Check, fine, onDial, said } from './check.ts';
import { peerAccepts, routeOf, routesTo } from './subnet.ts';

// Ways by an app of the phone's that has a VPN: Tailscale's, which may route to the machine by itself, and any, at whose address the phone opens a port.

/** The VPN's address at which a port is opened: Tailscale's where it is on. Undefined: no app has a VPN on. */
export function vpnOfPhone({ phone }: Pick<Facts, 'phone'>): VpnAddress | undefined {
  const all = vpnAddresses(phone?.observed.get('links')?.output ?? '');
  return all.find(({ isTailnet }) => isTailnet) ?? all[0];
}

function hasApp({ phone }: Facts): boolean {
  return phone?.observed.get('app')?.output.includes('package:') === true;
}

export function noApp(facts: Facts): string | undefined {
  if (facts.target.bridgeAddress === undefined) return "the machine is not on the phone's bridge";
  return hasApp(facts) ? undefined : 'the phone has no Tailscale app';
}

/** What only a person can do, in the app: its settings have no interface for others. */
function guide(facts: Facts): string {
  const route = routeOf(facts.target);
  return `On the phone, in the Tailscale app: Settings, Subnet routing, advertise ${route}. Then approve it: the admin console, or headscale nodes approve-routes. Then vmkit expose ${facts.target.machine} --via app`;
}

const appConnected: Check = {
  id: 'app-connected',
  title: 'the Tailscale app is connected',
  hop: 'router',
  look: (facts) => {
    const links = facts.phone?.observed.get('links');
    if (links === undefined) return undefined;
    if (vpnOfPhone(facts)?.isTailnet === true) return fine(links);
    return broken(
      {
        cause: 'app-not-connected',
        title: 'the Tailscale app is there, and not connected',
        observed: 'no tunN of the phone has an address of 100.64.0.0/10',
        fix: "Open the app on the phone, and connect. Android has one VPN at a time: another app's ends with it.",
      },
      links,
    );
  },
};

const appRoutes: Check = {
  id: 'app-routes',
  title: 'the app routes to the machine, and that is approved',
  hop: 'control',
  look: (facts) => {
    const nodes = facts.peer?.routed?.nodes;
    const address = vpnOfPhone(facts)?.address;
    if (nodes === undefined || address === undefined) return undefined;
    const all = Object.values(parseJson(nodes.output, tailscaleStatus)?.Peer ?? {});
    const phone = all.find(({ TailscaleIPs }) => TailscaleIPs?.includes(address) === true);
    if (routesTo(phone?.AllowedIPs, facts.target).length > 0) return fine(nodes);
    return broken(
      {
        cause: phone === undefined ? 'app-not-known' : 'app-route-missing',
        title:
          phone === undefined
            ? `the peer knows no node ${address}: the app is in another tailnet, or may not be seen`
            : 'the app routes nothing to the machine: it is not advertised there, or not approved',
        observed:
          phone === undefined ? said(nodes) : `AllowedIPs of ${address}: ${(phone.AllowedIPs ?? []).join(', ')}`,
        fix: guide(facts),
      },
      nodes,
    );
  },
};

const appAnswers: Check = {
  id: 'app-answers',
  isOfDial: true,
  title: "the peer gets an answer at the machine's address",
  hop: 'peer',
  look: onDial(appDial, ({ result, observation }, { target }) => ({
    title: `the peer's dial of the machine's address ended: ${result}`,
    observed: said(observation),
    fix: `Does another VPN, or a battery saver, end the app's? vmkit logs ${target.machine}`,
  })),
};

/** Peers take one route: where it is another node's, the dial says nothing of the app. */
export function appDial(facts: Facts): Dial | undefined {
  const routed = facts.peer?.routed;
  return routed?.via !== undefined && routed.via === vpnOfPhone(facts)?.address ? routed.dial : undefined;
}

export const appChecks: readonly Check[] = [appConnected, appRoutes, peerAccepts, appAnswers];

function lineOf({ target }: Pick<Facts, 'target'>): string {
  return portLine(target.bridgeAddress ?? '', target.port);
}

export function isPortWanted(facts: Pick<Facts, 'phone' | 'target'>): boolean {
  return facts.phone?.observed.get('ports')?.output.split('\n').includes(lineOf(facts)) === true;
}

/** Why no port can be opened, set up or not. */
export function whyNoPort(facts: Facts): string | undefined {
  if (facts.target.bridgeAddress === undefined) return "the machine is not on the phone's bridge";
  return vpnOfPhone(facts) === undefined ? 'no app of the phone has a VPN on: Tailscale, WireGuard' : undefined;
}

export function noPort(facts: Facts): string | undefined {
  const why = whyNoPort(facts);
  if (why !== undefined) return why;
  return isPortWanted(facts) ? undefined : `not set up: vmkit expose ${facts.target.machine} --via port`;
}

const portOpen: Check = {
  id: 'phone-port-open',
  title: "the phone has the machine's port open at its VPN's address",
  hop: 'host',
  look: (facts) => {
    const doors = facts.phone?.observed.get('doors');
    const vpn = vpnOfPhone(facts);
    if (doors === undefined || vpn === undefined) return undefined;
    if (doors.output.split('\n').includes(`${vpn.address}_${lineOf(facts)}`)) return fine(doors);
    return broken(
      {
        cause: 'phone-port-closed',
        title: `the machine's port is not open at ${vpn.address}, of ${vpn.link}`,
        observed: said(doors),
        fix: 'On the phone, as root: cat /data/adb/vmkit/log says why its supervisor has not opened it within seconds.',
      },
      doors,
    );
  },
};

export const portChecks: readonly Check[] = [
  portOpen,
  {
    id: 'phone-port-answers',
    isOfDial: true,
    title: "the peer gets an answer at the phone's port",
    hop: 'peer',
    look: onDial(
      ({ peer }) => peer?.phoneDial,
      ({ result, observation }, { target }) => ({
        title: `the peer's dial of the phone ended: ${result}`,
        observed: said(observation),
        fix: `Is the app's VPN on, and may the peer reach the phone in it? vmkit logs ${target.machine}`,
      }),
    ),
  },
];

/** Why nobody dialled a VPN that is no tailnet. */
export function whyPortUntried(facts: Facts): string | undefined {
  const vpn = vpnOfPhone(facts);
  if (vpn === undefined || vpn.isTailnet) return undefined;
  return `${vpn.link} is no tailnet's: only --from ssh://HOST tries it, with a host that is in that VPN, too`;
}
