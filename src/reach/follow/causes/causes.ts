import { withoutDot } from '../../../tailnet/tailscale-json.ts';
import { said } from '../../checks/check.ts';
import type { Facts } from '../../facts.ts';
import { saidByNodes } from '../../look/node-evidence.ts';
import type { Finding } from '../../report.ts';
import type { Watched } from '../seen/sightings.ts';
import { type Rewrite, shorten, type TracedDrop } from '../seen/trace.ts';
import { isOuter, type Place, type Step } from '../step.ts';

/** A cause, and whether packets or a counter of just that loss tell so. */
export type Why = Omit<Finding, 'observed'> & {
  readonly observed?: string;
  readonly isCertain: boolean;
  /** It says that the packet ended there, and a layer of the same hop may know why. */
  readonly isGeneral?: boolean;
};

/** Tailscale's own chain for forwarded packets (util/linuxfw). */
const TAILSCALE_CHAIN = ' ts-forward';

export function dropped({ chain, rule, packet }: TracedDrop, place: Place, end: Step, { target, router }: Facts): Why {
  const observed = `\`${rule}\` in the chain ${chain} ended: ${shorten(packet)}`;
  const base = { observed, isCertain: true } as const;
  if (place === 'guest') {
    const fix = `vmkit exec ${target.machine} -- nft -a list chain ${chain}`;
    return { ...base, cause: 'guest-firewall', hop: 'guest', title: 'a firewall in the guest drops it', fix };
  }
  if (place === 'peer') {
    const fix = `nft -a list chain ${chain}, at the peer`;
    return { ...base, cause: 'peer-firewall', hop: 'peer', title: 'a firewall of the peer drops it', fix };
  }
  const title = place === 'host' ? 'this host' : (router?.title ?? 'the router');
  if (isOuter(end)) {
    const fix = `Let UDP ${end.port} through: nft -a list chain ${chain}, on the host`;
    return {
      ...base,
      cause: 'host-firewall',
      hop: 'host',
      title: "a firewall of the host drops the tunnel's datagrams",
      fix,
    };
  }
  if (chain.endsWith(TAILSCALE_CHAIN) && rule.includes('ct state')) {
    const fix = 'tailscale set --stateful-filtering=false, there';
    return {
      ...base,
      cause: 'stateful-filtering',
      hop: 'router',
      title: `stateful filtering of ${title} drops the answers`,
      fix,
    };
  }
  if (chain.startsWith('inet vmkit_')) {
    const fix = `vmkit expose ${target.machine} --via subnet`;
    return {
      ...base,
      cause: 'bridge-closed',
      hop: 'router',
      title: "this host's bridge lets nobody in from the tailnet",
      fix,
    };
  }
  const fix = `Let it accept what goes to ${target.bridgeAddress ?? 'the machine'} from the tailnet, and the answers: nft list chain ${chain}`;
  return {
    ...base,
    cause: 'host-firewall',
    hop: 'router',
    title: `a firewall of ${title} drops forwarded packets`,
    fix,
  };
}

/** One machine on this host sent it, and the next did not see it. */
export function betweenBoth({ place }: Step, { target }: Facts): Why {
  const isBack = place !== 'guest';
  return {
    cause: isBack ? 'lost-from-machine' : 'lost-to-machine',
    hop: 'guest',
    title: isBack
      ? 'the answer left the guest, and did not come back to the router'
      : 'it was sent to the machine, and did not arrive there',
    fix: `vmkit host check; vmkit status ${target.machine}`,
    isCertain: false,
  };
}

function metric(watched: Watched | undefined, pattern: RegExp): number {
  return [...(watched?.metrics ?? [])].reduce((sum, [name, by]) => (pattern.test(name) ? sum + by : sum), 0);
}

/** It begins no TLS before it has a certificate for its name. */
export function certificateAwaited({ guest, target }: Facts): Why {
  const name = withoutDot(guest?.status?.Self.DNSName ?? target.machine);
  return {
    cause: 'certificate-missing',
    hop: 'tailscaled',
    title: 'tailscaled takes the connection, and begins no TLS: it has no certificate, and waits for one',
    fix: `vmkit exec ${target.machine} -- timeout 60 tailscale cert ${name}, which says why: the guest has to reach a name server and Let's Encrypt`,
    isCertain: true,
    isGeneral: true,
  };
}

/** The peer's node sent it, and the kernel there did not see it: tailscaled lets it in, or something between both lost it. */
export function notArrived({ place }: Step, watched: Watched | undefined, facts: Facts): Why {
  const { target } = facts;
  const refused = metric(watched, /^tailscaled_inbound_dropped_packets_total\{reason="acl"\}/);
  if (refused > 0) {
    const observed = `tailscaled dropped ${refused} packets by its packet filter (reason="acl")`;
    if (/"ShieldsUp": true/.test(watched?.filter ?? '')) {
      const fix = `vmkit exec ${target.machine} -- tailscale set --shields-up=false`;
      return {
        cause: 'shields-up',
        hop: 'tailscaled',
        title: 'the node lets nobody in: shields are up',
        observed,
        fix,
        isCertain: true,
      };
    }
    const lets = [...(watched?.filter ?? '').matchAll(/"(?:First|Last)": (\d+)/g)].map(([, port]) => port);
    return {
      cause: 'policy-drops',
      hop: 'control',
      title: "the tailnet's access rules do not let the peer in at this port",
      observed: `${observed}; ports that it lets in: ${[...new Set(lets)].join(', ') || 'none'}`,
      fix: `Allow port ${target.port} of ${target.machine}, and what serve leads from, in the access rules`,
      isCertain: true,
    };
  }
  const came = metric(watched, /^tailscaled_inbound_packets_total/);
  const where = { guest: 'the guest', peer: 'the guest', host: 'this host', router: 'the router' }[place];
  return came > 0
    ? {
        cause: 'kept-by-tailscaled',
        hop: 'tailscaled',
        title: `packets come to tailscaled of ${where}, and do not go on`,
        observed: [`${came} packets came to tailscaled`, ...saidByNodes(facts)].join('; '),
        fix: `vmkit logs ${target.machine} tailscale`,
        isCertain: false,
      }
    : {
        cause: 'lost-on-the-way',
        hop: 'relay',
        title: `the connection does not arrive at ${where}`,
        observed: ['tailscaled there counts no packet', ...saidByNodes(facts)].join('; '),
        fix: `tailscale ping ${target.machine}, at the peer; vmkit exec ${target.machine} -- tailscale netcheck`,
        isCertain: false,
      };
}

/** The peer dials, and nothing goes from there to the address that it dials. */
export function peerSendsElsewhere(watched: Watched | undefined, { target }: Facts): Why {
  const route = watched?.routes?.in;
  return {
    cause: 'peer-route',
    hop: 'peer',
    title: 'the peer does not send it into the tailnet: its routes and policy rules lead it elsewhere',
    ...(route === undefined ? {} : { observed: said(route) }),
    fix: `ip rule; ip route get ${route?.command.split(' ').at(-1) ?? `the address of ${target.machine}`}, at the peer`,
    isCertain: true,
  };
}

/** A rule gave it another destination, where nobody takes it. */
export function rewritten({ chain, rule, packet, to }: Rewrite, end: Step, { target, router }: Facts): Why {
  const machine = end.place === 'guest' ? target.machine : router?.machine;
  const where = machine === undefined ? '' : `vmkit exec ${machine} -- `;
  return {
    cause: 'sent-elsewhere',
    hop: end.hop === 'backend' ? 'guest' : end.hop,
    title: `a rule of the ${end.place} sends it to ${to} instead, and nobody answers there`,
    observed: `\`${rule}\` in the chain ${chain}: ${shorten(packet)}`,
    fix: `${where}nft -a list chain ${chain}`,
    isCertain: true,
  };
}
