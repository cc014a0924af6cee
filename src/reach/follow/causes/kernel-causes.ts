import { endpointText } from '../../../net/endpoint.ts';
import { said } from '../../checks/check.ts';
import type { Facts } from '../../facts.ts';
import { isNoRoute } from '../route-question.ts';
import type { KernelWord } from '../seen/kernel-word.ts';
import type { Watched } from '../seen/sightings.ts';
import type { Step } from '../step.ts';
import type { Why } from './causes.ts';
import { hopOf, inPlace } from './in-place.ts';
import { endedAtInterface, legacyRule } from './interface-causes.ts';

// What the kernel itself does with a packet between two places.

const WRONG_INTERFACE = 'by its routes the packet came in at the wrong interface (rp_filter)';

/** Advice for reasons that people meet (include/net/dropreason-core.h), and the kernel's function behind them. What the kernel said is told in any case. */
const ADVICE: readonly (readonly [word: RegExp, cause: string, title: string, look: string])[] = [
  [/ (nf_queue|nfqnl)/, 'packet-filter', 'a rule hands it to a queue that no program reads', 'nft list ruleset'],
  [/^NETFILTER_/, 'packet-filter', 'a packet filter drops it', 'nft list ruleset; iptables-legacy -vnL'],
  [/^IP_(RPFILTER|LOCAL_SOURCE|INVALID_SOURCE) /, 'rp-filter', WRONG_INTERFACE, 'ip rule; ip route'],
  [/^(TC_|QDISC_)/, 'traffic-control', 'traffic control of the interface drops it', 'tc -s qdisc show'],
  [/^NEIGH_/, 'neighbour-unknown', 'nobody on that network has the address of the next hop', 'ip neigh; ip route'],
  [/^(NO_SOCKET|SOCKET_FILTER) /, 'not-taken', 'no socket takes it', 'ss -ltnp'],
  [/^(SOCKET_RCVBUFF|\w+_BACKLOG|PROTO_MEM|NOMEM) /, 'buffers-full', 'buffers are full', 'ss -ltnm; free'],
  [/^DEV_READY /, 'interface-down', 'the interface is down', 'ip -br link'],
  [/^(IP_INADDRERRORS|IPV6DISABLED) /, 'address-missing', 'it does not take the address for its own', 'ip address'],
  [/^IP_INNOROUTES /, 'no-route-in', 'its routes and policy rules lead it nowhere', 'ip rule; ip route'],
  [/^IP_OUTNOROUTES /, 'no-route-back', 'it has no route for the answer', 'ip rule; ip route'],
  [/^OTHERHOST /, 'wrong-hardware-address', 'it is addressed to another network card', 'ip neigh; ip link'],
  [/^XFRM_POLICY /, 'ipsec-policy', 'a policy of IPsec ends it', 'ip xfrm policy'],
  [/^(XDP|BPF_CGROUP_EGRESS) /, 'bpf-program', 'a program of BPF ends it', 'bpftool net; bpftool cgroup tree'],
  [/^PKT_TOO_BIG /, 'mtu-too-large', 'it is larger than the next link takes', 'ip link'],
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
  const [, cause, title, script] = ADVICE.find(([word]) => word.test(`${reason} ${where}`)) ?? [
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
