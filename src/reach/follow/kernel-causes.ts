import { endpointText } from '../../net/endpoint.ts';
import { said } from '../checks/check.ts';
import type { Facts } from '../facts.ts';
import type { HopId } from '../report.ts';
import type { Why } from './causes.ts';
import type { KernelWord } from './kernel-word.ts';
import { isNoRoute } from './route-question.ts';
import type { Routes, Watched } from './sightings.ts';
import type { Place, Step } from './step.ts';

// What the kernel itself does with a packet between two places.

const HOPS: Readonly<Record<Place, HopId>> = {
  peer: 'peer',
  guest: 'guest',
  host: 'host',
  router: 'router',
};
const WRONG_INTERFACE = 'by its routes the packet came in at the wrong interface (rp_filter)';

/** Advice for reasons that people meet (include/net/dropreason-core.h). What the kernel said is told in any case. */
const ADVICE: readonly (readonly [reason: RegExp, cause: string, title: string, look: string])[] = [
  [/^NETFILTER_/, 'packet-filter', 'a packet filter drops it', 'nft list ruleset; iptables-legacy -vnL'],
  [/^IP_(RPFILTER|LOCAL_SOURCE|INVALID_SOURCE)$/, 'rp-filter', WRONG_INTERFACE, 'ip rule; ip route'],
  [/^(TC_|QDISC_)/, 'traffic-control', 'traffic control of the interface drops it', 'tc -s qdisc show'],
  [/^NEIGH_/, 'neighbour-unknown', 'nobody on that network has the address of the next hop', 'ip neigh; ip route'],
  [/^(NO_SOCKET|SOCKET_FILTER)$/, 'not-taken', 'no socket takes it', 'ss -ltnp'],
  [/^(SOCKET_RCVBUFF|SOCKET_BACKLOG|PROTO_MEM|NOMEM)$/, 'buffers-full', 'buffers are full', 'ss -ltnm; free'],
];

export function toldByKernel(word: KernelWord, end: Step, watched: Watched | undefined, facts: Facts): Why {
  const { reason, where, link, from, fromPort, to, toPort } = word;
  const [asked, answered] = [
    endpointText({ address: from, port: fromPort }),
    endpointText({ address: to, port: toPort }),
  ];
  const came = link === '-' ? 'made there' : `in by ${link}`;
  const observed = `the kernel: ${reason} in ${where}, ${asked} to ${answered}, ${came}`;
  const full = watched?.risen.get('conntrack drop');
  if (reason === 'NETFILTER_DROP' && full !== undefined) return { ...tableFull(end, full, facts), observed };
  const [, cause, title, script] = ADVICE.find(([pattern]) => pattern.test(reason)) ?? [
    undefined,
    'dropped-in-kernel',
    `it ends it: ${reason}`,
    'ip rule; ip route; nft list ruleset',
  ];
  const hop = cause === 'not-taken' ? 'backend' : hopOf(end);
  const fix = inPlace(end.place, facts, script);
  return {
    cause,
    hop,
    title: `the kernel of the ${end.place}: ${title}`,
    observed,
    fix,
    isCertain: true,
    isGeneral: true,
  };
}

/** It came in, and was not handed to this machine, nor sent on. */
export function inKernel(end: Step, watched: Watched | undefined, facts: Facts): Why {
  const base = { hop: hopOf(end), fix: inPlace(end.place, facts, 'ip rule; ip route'), isCertain: true };
  const route = watched?.routes?.in;
  const asked = route === undefined ? '' : said(route);
  const reverse = watched?.risen.get('TcpExt IPReversePathFilter');
  if (reverse !== undefined || /cross-device/i.test(route?.output ?? '')) {
    const observed = reverse === undefined ? asked : `IPReversePathFilter +${reverse}`;
    return { ...base, cause: 'rp-filter', title: `the kernel of the ${end.place}: ${WRONG_INTERFACE}`, observed };
  }
  if (end.id === 'deliver' && isNoRoute(route)) {
    const title = `the routes and policy rules of the ${end.place} lead it nowhere`;
    return { ...base, cause: 'no-route-in', title, observed: asked };
  }
  if (end.id === 'deliver' && route !== undefined && !route.output.startsWith('local ')) {
    const title = `the ${end.place} does not take the address for its own, and sends it on`;
    return { ...base, cause: 'address-missing', title, observed: asked };
  }
  const full = watched?.risen.get('conntrack drop');
  if (full !== undefined) return tableFull(end, full, facts);
  const legacy = legacyRule(end, watched, facts);
  if (legacy !== undefined) return legacy;
  const atInterface = endedAtInterface(end, watched, facts);
  if (atInterface !== undefined) return atInterface;
  const title = `the kernel of the ${end.place} ends it, and no rule of nftables does`;
  const fix = inPlace(end.place, facts, 'ip rule; ip route; iptables-legacy-save -c; bpftool cgroup tree');
  return { ...base, cause: 'dropped-in-kernel', title, fix, isCertain: false };
}

/** The interface saw it and no chain did, or all chains saw it and the interface did not: what stands between them is no route and no rule. */
function endedAtInterface(end: Step, watched: Watched | undefined, facts: Facts): Why | undefined {
  const saw = (hook: 'entered' | 'queued' | 'arrived'): boolean =>
    watched?.sightings.some((each) => {
      const as = hook === 'queued' ? 'left' : 'delivered';
      return (
        each.hook === hook &&
        (end.isPart({ ...each, hook: as }) || (hook !== 'queued' && end.isPart({ ...each, hook: 'forwarded' })))
      );
    }) === true;
  const base = { hop: hopOf(end), isCertain: true, isGeneral: true } as const;
  const nobody = saw('queued') ? neighbourUnknown(end, watched?.routes, facts) : undefined;
  if (nobody !== undefined) return nobody;
  if (saw('queued')) {
    return {
      ...base,
      cause: 'traffic-control',
      title: `traffic control of the ${end.place} holds or drops it, behind all its rules`,
      observed: ['the last chain sent it on, and it did not leave by the interface', ...atItsInterface(watched)].join(
        '; ',
      ),
      fix: inPlace(end.place, facts, 'tc -s qdisc show; nft list ruleset'),
    };
  }
  if (!saw('arrived') || watched?.streams === undefined || saw('entered')) return undefined;
  return {
    ...base,
    cause: 'dropped-at-interface',
    title: `the ${end.place} drops it at the interface, before its routes and rules: traffic control, a chain of netdev, or one before all others`,
    observed: ['the interface took it in, and the first chain did not see it', ...atItsInterface(watched)].join('; '),
    fix: inPlace(
      end.place,
      facts,
      'nft list ruleset; iptables-legacy -t raw -vnL; tc -s filter show dev tailscale0 ingress',
    ),
  };
}

/** Of what is bound to an interface, that which ends packets: a program of XDP, a queue that drops, a filter or a rule that drops. */
function atItsInterface(watched: Watched | undefined): string[] {
  const lines = watched?.routes?.interface?.output.split('\n').map((line) => line.trim()) ?? [];
  return lines.filter((line) =>
    /\bxdp\b|\bdrop\b|dropped [1-9]|^qdisc (?!noqueue|fq_codel|pfifo_fast|ingress|clsact)/.test(line),
  );
}

/** The older iptables counts what its rules end, and nftables does not see it. */
function legacyRule(end: Step, watched: Watched | undefined, facts: Facts): Why | undefined {
  const rules = [...(watched?.risen ?? [])].filter(([name]) => /^ip6?tables-legacy /.test(name));
  if (rules.length === 0) return undefined;
  return {
    cause: `${end.place === 'peer' ? 'peer' : end.place === 'guest' ? 'guest' : 'host'}-firewall`,
    hop: hopOf(end),
    title: `a rule of the older iptables in the ${end.place} drops it`,
    observed: rules.map(([name, by]) => `\`${name}\` +${by}`).join('; '),
    fix: inPlace(end.place, facts, 'iptables-legacy-save -c; ip6tables-legacy-save -c'),
    isCertain: true,
  };
}

/** It was sent on, and the network was asked in vain who has the address of the next hop (ARP, NDP). */
function neighbourUnknown(end: Step, routes: Routes | undefined, facts: Facts): Why | undefined {
  const ways = [routes?.in, routes?.back].flatMap((each) => each?.output.split(/\s+/) ?? []);
  const lost = routes?.neighbours?.output.split('\n').find((line) => ways.includes(line.split(' ')[0] ?? ''));
  if (lost === undefined) return undefined;
  return {
    cause: 'neighbour-unknown',
    hop: hopOf(end),
    title: `nobody on the network of the ${end.place} has the address of the next hop`,
    observed: `${routes?.neighbours?.command}: ${lost.trim()}`,
    fix: inPlace(end.place, facts, 'ip neigh; ip route'),
    isCertain: true,
  };
}

function tableFull(end: Step, by: number, facts: Facts): Why {
  return {
    cause: 'conntrack-full',
    hop: hopOf(end),
    title: `the table of connections of the ${end.place} is full`,
    observed: `conntrack drop +${by}`,
    fix: inPlace(
      end.place,
      facts,
      'grep . /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max',
    ),
    isCertain: true,
  };
}

/** The answer has no way, or takes another one than the question came by; undefined: neither was seen. */
export function wrongWayBack(end: Step | undefined, watched: Watched | undefined, facts: Facts): Why | undefined {
  const route = watched?.routes?.back;
  if (end?.place === 'host' || route === undefined) return undefined;
  const observed = said(route);
  const base = { hop: 'guest', fix: inPlace('guest', facts, 'ip rule; ip route'), isCertain: true } as const;
  if (isNoRoute(route)) {
    const title = 'the guest has no route for the answer to the peer';
    return { ...base, cause: 'no-route-back', title, observed };
  }
  const left = / dev (\S+)/.exec(route.output)?.[1];
  const came = watched?.sightings.find(
    ({ hook, link, toPort }) => hook === 'arrived' && link !== 'lo' && toPort === facts.target.port,
  )?.link;
  if (left === undefined || came === undefined || left === came || left === 'lo') return undefined;
  const title = `the answer leaves the guest by ${left}, and the question came by ${came}`;
  return { ...base, cause: 'wrong-way-back', title, observed };
}

/** The interface saw it, and its hardware address was another machine's. */
export function passedBy(end: Step, watched: Watched | undefined, facts: Facts): Why | undefined {
  const packet = watched?.sightings.find((each) => each.hook === 'passed' && end.isPart({ ...each, hook: 'arrived' }));
  if (packet === undefined) return undefined;
  return {
    cause: 'wrong-hardware-address',
    hop: hopOf(end),
    title: `frames come to the ${end.place} that are addressed to another network card: who sends them knows a wrong one (ARP, NDP)`,
    observed: `${packet.packets} on ${packet.link}`,
    fix: `ip neigh, where they come from; ${inPlace(end.place, facts, 'ip link')}`,
    isCertain: true,
  };
}

function hopOf(end: Step): HopId {
  return end.id.startsWith('loop') ? end.hop : HOPS[end.place];
}

function inPlace(place: Place, { target, router }: Facts, script: string): string {
  const machine = place === 'guest' ? target.machine : place === 'router' ? router?.machine : undefined;
  return machine === undefined ? script : `vmkit exec ${machine} -- sh -c '${script}'`;
}
