import type { Dial, Facts } from '../facts.ts';
import { parseListeners } from '../look/listeners.ts';
import type { Finding, HopId } from '../report.ts';
import type { TracedDrop, Watched } from './sightings.ts';
import type { Place, Step } from './steps.ts';
import type { Trail } from './trail.ts';

/** Why a connection ended where it did. */
export interface Explained {
  readonly finding: Finding;
  /** Its own packets, or a counter of just that, tell so; else it is what is left. */
  readonly isCertain: boolean;
}

type Why = Omit<Finding, 'observed'> & { readonly observed?: string; readonly isCertain: boolean };

/** Says why a connection that a peer got no answer on ended where its trail ends. Pure. */
export function explainEnd({ end, last }: Trail, dial: Dial, facts: Facts): Explained {
  const watched = facts.watches?.[end?.place ?? 'guest'];
  const why = end === undefined ? answerLost(facts) : whyNotAt(end, watched, facts);
  const place = end === undefined ? '' : `no packet: ${end.title}`;
  const before = last === undefined ? '' : `seen before: ${last.title}`;
  const rose = [...(watched?.risen ?? [])].map(([name, by]) => `${name} +${by}`).join(', ');
  const counters = why.isCertain || rose === '' ? '' : `rose meanwhile: ${rose}`;
  const observed = [why.observed ?? '', place, before, counters, dial.observation.output];
  const { cause, hop, title, fix, isCertain } = why;
  return {
    isCertain,
    finding: { cause, hop, title, fix, observed: observed.filter((text) => text !== '').join('; ') },
  };
}

function whyNotAt(end: Step, watched: Watched | undefined, facts: Facts): Why {
  const drop = watched === undefined ? undefined : dropAt(end, watched.drops, facts.target.port);
  if (drop !== undefined) return dropped(drop, end.place, facts);
  switch (end.id) {
    case 'arrive':
    case 'dial':
    case 'route-in':
      return notArrived(end, watched, facts);
    case 'take':
    case 'loop-take':
      return notTaken(end, watched, facts);
    case 'answer':
    case 'loop-answer':
      return silent(facts);
    case 'ask':
    case 'loop-ask':
      return answerLost(facts);
    default:
      return inKernel(end, watched, facts);
  }
}

/** A drop of a packet of the direction that is missed; else any: only the ports of this machine are traced. */
function dropAt({ id }: Step, drops: readonly TracedDrop[], port: number): TracedDrop | undefined {
  const isAnswer = ['leave', 'answer-leaves', 'back-in', 'back-forward', 'back-out', 'take', 'loop-take'].includes(id);
  const mark = `${isAnswer ? 'sport' : 'dport'} ${port}`;
  const onLo = id.startsWith('loop') || id === 'dial';
  const ours = drops.filter(({ packet }) => packet.includes('"lo"') === onLo);
  return ours.find(({ packet }) => packet.includes(mark)) ?? (isAnswer ? ours[0] : undefined);
}

/** Tailscale's own chain for forwarded packets (util/linuxfw). */
const TAILSCALE_CHAIN = ' ts-forward';

function dropped({ chain, rule, packet }: TracedDrop, place: Place, { target, router }: Facts): Why {
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

function metric(watched: Watched | undefined, pattern: RegExp): number {
  return [...(watched?.metrics ?? [])].reduce((sum, [name, by]) => (pattern.test(name) ? sum + by : sum), 0);
}

/** The peer's node sent it, and the kernel there did not see it: tailscaled lets it in, or something between both lost it. */
function notArrived({ place }: Step, watched: Watched | undefined, facts: Facts): Why {
  const { target, guest } = facts;
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
  const routes = place === 'guest' ? guest?.observed.get('routes') : undefined;
  if (routes !== undefined && !/^default /m.test(routes.output)) {
    return {
      cause: 'no-default-route',
      hop: 'guest',
      title: 'the guest has no default route: it reaches neither peer nor relay',
      observed: `ip route: ${routes.output.split('\n').join('; ') || 'empty'}`,
      fix: `vmkit stop ${target.machine} && vmkit boot ${target.machine}; now: vmkit exec ${target.machine} -- ip route add default via 10.0.2.2`,
      isCertain: true,
    };
  }
  const came = metric(watched, /^tailscaled_inbound_packets_total/);
  const where = place === 'guest' ? 'the guest' : 'the router';
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
function notTaken(end: Step, watched: Watched | undefined, { target }: Facts): Why {
  const fix = `vmkit logs ${target.machine} ${target.name}; vmkit exec ${target.machine} -- ss -ltnp`;
  const overflows = ['TcpExt ListenOverflows', 'TcpExt ListenDrops'].flatMap(
    (name) => watched?.risen.get(name) ?? [],
  )[0];
  if (overflows !== undefined) {
    const sockets = parseListeners(watched?.sockets ?? '').filter(({ port }) => port === target.port);
    const queue = sockets.map(({ waiting, backlog }) => `${waiting} connections wait, ${backlog} may`).join('; ');
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
  const noRoute = watched?.route !== undefined && /unreachable|No route|prohibit/i.test(watched.route);
  if (noRoute || watched?.risen.has('Ip OutNoRoutes') === true) {
    const title = 'the guest has no route for the answer to the peer';
    const observed = `ip route get: ${watched?.route ?? 'unknown'}`;
    return {
      cause: 'no-route-back',
      hop: 'guest',
      title,
      observed,
      fix: `vmkit exec ${target.machine} -- ip route; ip rule`,
      isCertain: true,
    };
  }
  return { cause: 'not-taken', hop: end.hop, title: 'it is let in, and no socket answers', fix, isCertain: false };
}

function silent({ target }: Facts): Why {
  return {
    cause: 'backend-silent',
    hop: 'backend',
    title: `${target.name} takes the connection and says nothing`,
    fix: `vmkit logs ${target.machine} ${target.name}`,
    isCertain: true,
  };
}

function answerLost({ target }: Facts): Why {
  return {
    cause: 'answer-lost',
    hop: 'relay',
    title: 'the answer left, and does not arrive whole at the peer',
    fix: `Large packets may be lost: tailscale ping --size=1312, at both ends; vmkit exec ${target.machine} -- ip link set tailscale0 mtu 1200`,
    isCertain: false,
  };
}

const HOPS: Readonly<Record<Place, HopId>> = { guest: 'guest', host: 'host', router: 'router' };

function inKernel(end: Step, watched: Watched | undefined, { target }: Facts): Why {
  const hop = end.id.startsWith('loop') ? end.hop : HOPS[end.place];
  const reverse = watched?.risen.get('TcpExt IPReversePathFilter');
  if (reverse !== undefined) {
    return {
      cause: 'rp-filter',
      hop,
      title: 'the kernel drops it: by its routes it came in at the wrong interface (rp_filter)',
      observed: `IPReversePathFilter +${reverse}`,
      fix: `sysctl net.ipv4.conf.all.rp_filter=2, in the ${end.place}`,
      isCertain: true,
    };
  }
  return {
    cause: 'dropped-in-kernel',
    hop,
    title: `the kernel of the ${end.place} ends it, and no rule of nftables does`,
    fix: `${end.place === 'guest' ? `vmkit exec ${target.machine} -- ` : ''}sh -c 'ip rule; ip route; iptables-legacy -vnL'`,
    isCertain: false,
  };
}
