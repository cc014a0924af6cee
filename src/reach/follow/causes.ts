import type { Dial, Facts } from '../facts.ts';
import { parseListeners } from '../look/listeners.ts';
import type { Finding } from '../report.ts';
import type { TracedDrop, Watched } from './sightings.ts';
import type { Place, Step } from './steps.ts';

/** A cause, and whether packets or a counter of just that loss tell so. */
export type Why = Omit<Finding, 'observed'> & {
  readonly observed?: string;
  readonly isCertain: boolean;
  /** It says that the packet ended there, and a layer of the same hop may know why. */
  readonly isGeneral?: boolean;
};

/** Tailscale's own chain for forwarded packets (util/linuxfw). */
const TAILSCALE_CHAIN = ' ts-forward';

export function dropped({ chain, rule, packet }: TracedDrop, place: Place, { target, router }: Facts): Why {
  const observed = `\`${rule}\` in the chain ${chain} ended: ${shorten(packet)}`;
  const base = { observed, isCertain: true } as const;
  if (place === 'guest') {
    const fix = `vmkit exec ${target.machine} -- nft -a list chain ${chain}`;
    return { ...base, cause: 'guest-firewall', hop: 'guest', title: 'a firewall in the guest drops it', fix };
  }
  const title = place === 'host' ? 'this host' : (router?.title ?? 'the router');
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

function shorten(packet: string): string {
  const [, link = ''] = /(?:iif|oif) "([^"]+)"/.exec(packet) ?? [];
  const [, from = ''] = /ip saddr (\S+)/.exec(packet) ?? [];
  const [, to = ''] = /ip daddr (\S+)/.exec(packet) ?? [];
  const ports = /tcp sport (\d+) tcp dport (\d+)/.exec(packet);
  return `${from}:${ports?.[1] ?? ''} to ${to}:${ports?.[2] ?? ''} on ${link}`;
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

/** By a tunnel without Tailscale: the client sent it, and the guest's kernel did not get it from the tunnel's interface. */
export function lostInTunnel({ target }: Facts): Why {
  return {
    cause: 'lost-in-tunnel',
    hop: 'guest',
    title: "the connection does not come out of the guest's end of the tunnel",
    fix: `Is the client one of the machine's, and let in by its rules? vmkit logs ${target.machine} ${target.name}`,
    isCertain: false,
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
  const where = { guest: 'the guest', host: 'this host', router: 'the router' }[place];
  return came > 0
    ? {
        cause: 'kept-by-tailscaled',
        hop: 'tailscaled',
        title: `packets come to tailscaled of ${where}, and do not go on`,
        observed: `${came} packets came to tailscaled`,
        fix: `vmkit logs ${target.machine} tailscale`,
        isCertain: false,
      }
    : {
        cause: 'lost-on-the-way',
        hop: 'relay',
        title: `the connection does not arrive at ${where}`,
        observed: 'tailscaled there counts no packet',
        fix: `tailscale ping ${target.machine}, at the peer; vmkit exec ${target.machine} -- tailscale netcheck`,
        isCertain: false,
      };
}

/** It was let in, and no socket answered. */
export function notTaken(end: Step, watched: Watched | undefined, { target }: Facts): Why {
  const fix = `vmkit logs ${target.machine} ${target.name}; vmkit exec ${target.machine} -- ss -ltnp`;
  const overflows = ['TcpExt ListenOverflows', 'TcpExt ListenDrops'].flatMap(
    (name) => watched?.risen.get(name) ?? [],
  )[0];
  const onPort = parseListeners(watched?.sockets ?? '').filter(({ port }) => port === target.port);
  if (overflows !== undefined) {
    const queue = onPort.map(({ waiting, backlog }) => `${waiting} connections wait, ${backlog} may`).join('; ');
    const title = 'the service accepts no more connections: its queue is full';
    return {
      cause: 'backlog-full',
      hop: 'backend',
      title,
      observed: `ListenOverflows +${overflows}; ${queue}`,
      fix,
      isCertain: true,
    };
  }
  const refused = watched?.sightings.some(
    ({ hook, kind, fromPort }) => hook === 'said' && kind === 'any' && fromPort === target.port,
  );
  const observed = `ss -ltn: ${onPort.map(({ address, port }) => `${address}:${port}`).join(', ') || `nothing on port ${target.port}`}`;
  const title = refused
    ? 'the kernel refuses it: no socket takes connections at that address or interface'
    : 'it is let in, and no socket answers';
  return { cause: 'not-taken', hop: end.hop, title, observed, fix, isCertain: refused === true, isGeneral: true };
}

/** A connection was taken, and no answer was said on it. */
export function silent({ target }: Facts, { result }: Dial): Why {
  const isClosed = result === 'closed' || result === 'refused';
  return {
    cause: isClosed ? 'backend-closed' : 'backend-silent',
    hop: 'backend',
    title: `${target.name} takes the connection and ${isClosed ? 'ends it without an answer' : 'says nothing'}`,
    fix: `vmkit logs ${target.machine} ${target.name}`,
    isCertain: true,
  };
}

export function answerLost({ target }: Facts, isByTunnel: boolean): Why {
  const base = {
    cause: 'answer-lost',
    title: 'the answer left, and does not arrive whole at the peer',
    isCertain: false,
  };
  if (isByTunnel) {
    const fix =
      "Large packets may be lost: compare the MTU on the tunnel's way with the tunnel's own (ip link, at both ends)";
    return { ...base, hop: 'host', fix };
  }
  const fix = `Large packets may be lost: tailscale ping --size=1312, at both ends; vmkit exec ${target.machine} -- ip link set tailscale0 mtu 1200`;
  return { ...base, hop: 'relay', fix };
}
