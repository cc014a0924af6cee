import { expect, test } from 'vitest';
import type { Dial, Facts } from '../../src/reach/facts.ts';
import { routeQuestions } from '../../src/reach/follow/route-question.ts';
import type { KernelWord } from '../../src/reach/follow/seen/kernel-word.ts';
import type { Hook, Sighting } from '../../src/reach/follow/seen/sighting.ts';
import { type Routes, readWatched, type Watched } from '../../src/reach/follow/seen/sightings.ts';
import type { TracedDrop } from '../../src/reach/follow/seen/trace.ts';
import { watchScript } from '../../src/reach/follow/watch/watch-script.ts';
import { judge } from '../../src/reach/judge.ts';
import type { Verdict, WayId } from '../../src/reach/report.ts';
import { facts, healthyPeer } from '../support/ways/probe-facts.ts';

test('what is run on a machine that is watched', async () => {
  await expect(watchScript([3000, 8080], 4, { isGuest: true, path: "PATH='/usr/sbin:/usr/bin'" })).toMatchFileSnapshot(
    '../golden/watch.sh',
  );
});

/** Of a real guest (linux 6.12, nft 1.1.3, tailscale 1.98.2), shortened. */
const PRINTED = `==> watching in /tmp/tmp.1 <==

==> counters-before <==
netstat:TcpExt: SyncookiesSent ListenOverflows ListenDrops
netstat:TcpExt: 0 1 1
snmp6:Ip6InNoRoutes                   	1
stat/nf_conntrack:entries  clashres insert_failed drop
stat/nf_conntrack:0000000f  00000000  00000000  0000000a
stat/nf_conntrack:0000000f  00000000  00000000  00000000

==> metrics-before <==
tailscaled_inbound_dropped_packets_total{reason="acl"} 2

==> counters <==
netstat:TcpExt: SyncookiesSent ListenOverflows ListenDrops
netstat:TcpExt: 0 4 1
snmp6:Ip6InNoRoutes                   	3
stat/nf_conntrack:entries  clashres insert_failed drop
stat/nf_conntrack:0000001f  00000000  00000000  0000000b
stat/nf_conntrack:0000001f  00000000  00000000  00000001

==> metrics <==
tailscaled_inbound_dropped_packets_total{reason="acl"} 5
tailscaled_inbound_packets_total{path="derp"} 3

==> flows <==
{"nftables": [{"metainfo": {"version": "1.1.3"}}, {"set": {"family": "inet", "name": "arrived", "table": "vmkit_follow_1", "elem": [{"elem": {"val": {"concat": ["tailscale0", "100.64.0.2", 43648, "100.64.0.1", 3000]}, "counter": {"packets": 7, "bytes": 448}}}]}}, {"set": {"family": "inet", "name": "said_reset", "table": "vmkit_follow_1"}}]}

==> trace <==
trace id 5fd138a1 inet vmkit_follow_1 arrived packet: iif "tailscale0" ip saddr 100.64.0.2 ip daddr 100.64.0.1 ip protocol tcp tcp sport 43648 tcp dport 3000 tcp flags == syn
trace id 5fd138a1 inet vmkit_follow_1 arrived unknown rule handle 3 (verdict continue)
trace id 5fd138a1 ip filter INPUT rule counter packets 330 bytes 56633 jump ts-input (verdict jump ts-input)
trace id 5fd138a1 inet fw in packet: iif "tailscale0" ip saddr 100.64.0.2 ip daddr 100.64.0.1 ip protocol tcp tcp sport 43648 tcp dport 3000 tcp flags == syn
trace id 5fd138a1 inet fw in rule tcp dport 3000 drop (verdict drop)

==> kernel <==
on
NETFILTER_DROP nft_do_chain tailscale0 4500003c655540004006d7646440000264400001bece0bb8c20bef4700000000a002ffd7fe300000
NO_SOCKET tcp_v4_rcv lo 00000000000000000000000008004500003c1a1e40004006229c7f0000017f000001a8b20bbf4c8d9bb700000000a002ffd7fe30
SKB_CSUM ip6_rcv eth0 333300000001
SOCKET_FILTER tcp_v6_rcv eth0 02000000000102000000000286dd600000000028063ffd7a115ca1e000000000000000000002fd7a115ca1e0000000000000000000019c400bb8
`;

test('what it printed', () => {
  expect(readWatched(PRINTED, [3000])).toEqual({
    sightings: [
      {
        hook: 'arrived',
        kind: 'any',
        link: 'tailscale0',
        from: '100.64.0.2',
        fromPort: 43648,
        to: '100.64.0.1',
        toPort: 3000,
        packets: 7,
      },
    ],
    rewrites: [],
    streams: undefined,
    notices: [],
    holders: [],
    drops: [{ chain: 'inet fw in', rule: 'tcp dport 3000 drop', packet: expect.stringContaining('tcp dport 3000') }],
    risen: new Map([
      ['TcpExt ListenOverflows', 3],
      ['Ip6 InNoRoutes', 2],
      ['conntrack drop', 2],
    ]),
    metrics: new Map([
      ['tailscaled_inbound_dropped_packets_total{reason="acl"}', 3],
      ['tailscaled_inbound_packets_total{path="derp"}', 3],
    ]),
    sockets: undefined,
    filter: undefined,
    mark: undefined,
    words: [
      {
        ...{ reason: 'NETFILTER_DROP', where: 'nft_do_chain', link: 'tailscale0', protocol: 'tcp' },
        ...{ from: '100.64.0.2', fromPort: 48846, to: '100.64.0.1', toPort: 3000 },
      },
      {
        ...{ reason: 'NO_SOCKET', where: 'tcp_v4_rcv', link: 'lo', protocol: 'tcp' },
        ...{ from: '127.0.0.1', fromPort: 43186, to: '127.0.0.1', toPort: 3007 },
      },
      {
        ...{ reason: 'SOCKET_FILTER', where: 'tcp_v6_rcv', link: 'eth0', protocol: 'tcp' },
        ...{ from: 'fd7a:115c:a1e0::2', fromPort: 40000, to: 'fd7a:115c:a1e0::1', toPort: 3000 },
      },
    ],
  });
});

test('where there is no nft nothing is said of what was not seen', () => {
  expect(readWatched('==> watching <==\n\n==> flows <==\nsh: nft: not found\n', [3000])).toBeUndefined();
  expect(readWatched('', [3000])).toBeUndefined();
});

const NODE = '100.64.0.1';
const PEER = '100.64.0.2';
type Side = 'in' | 'out';

/** One packet of the connection to port 3000 at a hook: of the question, or of the answer. */
function seenAt(hook: Hook, side: Side, kind: Sighting['kind'] = 'any', link = 'tailscale0'): Sighting {
  const [local, remote] = link === 'lo' ? ['127.0.0.1', '127.0.0.1'] : [NODE, PEER];
  const ends =
    side === 'in'
      ? { from: remote, fromPort: 40000, to: local, toPort: 3000 }
      : { from: local, fromPort: 3000, to: remote, toPort: 40000 };
  return { hook, kind, link, ...ends, packets: 3 };
}

const nothing: Watched = {
  sightings: [],
  rewrites: [],
  streams: undefined,
  notices: [],
  holders: [],
  drops: [],
  risen: new Map(),
  metrics: new Map(),
  sockets: undefined,
  mark: undefined,
  words: undefined,
  filter: undefined,
};

const DIRECT = [
  seenAt('arrived', 'in'),
  seenAt('delivered', 'in'),
  seenAt('said', 'out', 'taken'),
  seenAt('left', 'out', 'taken'),
  seenAt('delivered', 'in', 'data'),
  seenAt('said', 'out', 'data'),
  seenAt('left', 'out', 'data'),
];
const LOOP = [
  seenAt('said', 'in', 'any', 'lo'),
  seenAt('arrived', 'in', 'any', 'lo'),
  seenAt('delivered', 'in', 'any', 'lo'),
  seenAt('said', 'out', 'taken', 'lo'),
  seenAt('delivered', 'in', 'data', 'lo'),
  seenAt('said', 'out', 'data', 'lo'),
];

function verdictOn(
  way: WayId,
  watched: Partial<Watched>,
  changed: Parameters<typeof facts>[0] = {},
  dial: Dial['result'] = 'timeout',
): Verdict {
  const all: Facts = {
    ...facts(changed, healthyPeer({ 80: dial, 3000: dial })),
    watches: { guest: { ...nothing, ...watched } },
  };
  const verdict = judge(all).find((each) => each.way === way);
  if (verdict === undefined) throw new Error('No verdict.');
  return verdict;
}

const inGuest = (trail: Verdict['trail']): Verdict['trail'] => trail.filter(({ place }) => place === 'guest');

const drop = (chain: string, ports: string): TracedDrop => ({
  chain,
  rule: 'drop',
  packet: `iif "tailscale0" ip saddr ${PEER} ip daddr ${NODE} ip protocol tcp ${ports} tcp flags == syn`,
});
const ACL = new Map([['tailscaled_inbound_dropped_packets_total{reason="acl"}', 3]]);
const CAME = new Map([['tailscaled_inbound_packets_total{path="direct_ipv4"}', 3]]);

const routeTold = (output: string, exitCode = 0) => ({
  vantage: 'guest' as const,
  command: 'ip route get',
  output,
  exitCode,
});
const way = (output: string, exitCode = 0): Routes => ({ in: routeTold(output, exitCode), back: undefined });
const back = (output: string, exitCode = 0): Routes => ({ in: undefined, back: routeTold(output, exitCode) });
const word = (reason: string, side: Side): KernelWord => {
  const { from, fromPort, to, toPort } = seenAt('arrived', side);
  return { reason, where: 'a_function', link: '-', protocol: 'tcp', from, fromPort, to, toPort };
};

test.each<[string, string, Partial<Watched>, Parameters<typeof facts>[0]]>([
  ['lost-on-the-way', 'relay', {}, {}],
  ['kept-by-tailscaled', 'tailscaled', { metrics: CAME }, {}],
  ['policy-drops', 'control', { metrics: ACL }, {}],
  ['shields-up', 'tailscaled', { metrics: ACL, filter: '"ShieldsUp": true,' }, {}],
  ['no-default-route', 'guest', {}, { routes: '10.0.2.0/24 dev eth0 scope link' }],
  [
    'guest-firewall',
    'guest',
    { sightings: DIRECT.slice(0, 1), drops: [drop('inet fw in', 'tcp sport 40000 tcp dport 3000')] },
    {},
  ],
  ['rp-filter', 'guest', { sightings: DIRECT.slice(0, 1), risen: new Map([['TcpExt IPReversePathFilter', 3]]) }, {}],
  ['dropped-in-kernel', 'guest', { sightings: DIRECT.slice(0, 1) }, {}],
  ['backlog-full', 'backend', { sightings: DIRECT.slice(0, 2), risen: new Map([['TcpExt ListenOverflows', 3]]) }, {}],
  [
    'no-route-back',
    'guest',
    { sightings: DIRECT.slice(0, 2), routes: back('RTNETLINK answers: Permission denied', 2) },
    {},
  ],
  ['wrong-way-back', 'guest', { sightings: DIRECT.slice(0, 4), routes: back(`${PEER} via 10.0.2.2 dev eth0`) }, {}],
  [
    'no-route-in',
    'guest',
    { sightings: DIRECT.slice(0, 1), routes: way('RTNETLINK answers: Invalid argument', 2) },
    {},
  ],
  ['address-missing', 'guest', { sightings: DIRECT.slice(0, 1), routes: way(`${NODE} via 10.0.2.2 dev eth0`) }, {}],
  [
    'rp-filter',
    'guest',
    { sightings: DIRECT.slice(0, 1), routes: way('RTNETLINK answers: Invalid cross-device link', 2) },
    {},
  ],
  ['conntrack-full', 'guest', { sightings: DIRECT.slice(0, 1), risen: new Map([['conntrack drop', 3]]) }, {}],
  ['packet-filter', 'guest', { sightings: DIRECT.slice(0, 1), words: [word('NETFILTER_DROP', 'in')] }, {}],
  ['traffic-control', 'guest', { words: [word('TC_INGRESS', 'in')] }, {}],
  ['dropped-in-kernel', 'guest', { sightings: DIRECT.slice(0, 1), words: [word('IP_INHDR', 'in')] }, {}],
  ['traffic-control', 'guest', { sightings: DIRECT, words: [word('TC_EGRESS', 'out')] }, {}],
  ['answer-lost', 'relay', { sightings: DIRECT, words: [word('TCP_OLD_ACK', 'out')] }, {}],
  ['not-taken', 'backend', { sightings: DIRECT.slice(0, 2), words: [word('NO_SOCKET', 'in')] }, {}],
  ['not-taken', 'backend', { sightings: DIRECT.slice(0, 2) }, {}],
  [
    'guest-firewall',
    'guest',
    { sightings: DIRECT.slice(0, 3), drops: [drop('inet fw out', 'tcp sport 3000 tcp dport 40000')] },
    {},
  ],
  ['answer-lost', 'relay', { sightings: DIRECT.slice(0, 4) }, {}],
  ['backend-silent', 'backend', { sightings: DIRECT.slice(0, 5) }, {}],
  ['answer-lost', 'relay', { sightings: DIRECT }, {}],
])('straight to the guest: %s at the %s', (cause, hop, watched, changed) => {
  const {
    state,
    finding,
    trail: all,
  } = verdictOn('guest-direct', watched, {
    routes: 'default via 10.0.2.2 dev eth0',
    ...changed,
  });
  expect([state, finding?.cause, finding?.hop]).toEqual(['fails', cause, hop]);
  const trail = inGuest(all);
  const count = watched.sightings?.length ?? 0;
  expect(trail.map((each) => each.state).slice(0, count)).toEqual(Array(count).fill('seen'));
  if (count < trail.length) expect(trail[count]?.state).toBe('missing');
  // The answer's way back is told, too: where all left the guest, it is what is missing.
  expect(all.at(-1)).toMatchObject({ hop: 'peer', state: count < trail.length ? 'unknown' : 'missing' });
});

test.each<[string, string, Partial<Watched>, Parameters<typeof facts>[0]]>([
  ['loopback-down', 'loopback', { metrics: CAME }, { loopback: 'lo DOWN <LOOPBACK>' }],
  ['backend-not-listening', 'backend', { sightings: LOOP.slice(0, 3) }, { listeners: 'LISTEN 0 9 *:22 *:*' }],
  ['backend-silent', 'backend', { sightings: LOOP.slice(0, 5) }, {}],
  ['answer-lost', 'relay', { sightings: LOOP }, {}],
])('serve: %s at the %s', (cause, hop, watched, changed) => {
  const routes = { routes: 'default via 10.0.2.2 dev eth0' };
  const { finding } = verdictOn('guest-serve-tun', watched, { ...routes, ...changed });
  expect([finding?.cause, finding?.hop]).toEqual([cause, hop]);
});

test('what the packets passed is not what broke: it is told beside, and the end is the answer', () => {
  const clash = { listeners: 'LISTEN 0 9 *:3000 *:*\nLISTEN 0 9 0.0.0.0:80 0.0.0.0:*' };
  const { finding, warnings } = verdictOn('guest-serve-tun', { sightings: LOOP.slice(0, 5) }, clash, 'silent');
  expect(finding?.cause).toBe('backend-silent');
  expect(warnings.map(({ cause }) => cause)).toContain('port-clash');
});

test("a router's own sightings: where it sent the packet on, and the machine did not see it", () => {
  const seen = facts();
  const target = { ...seen.target, bridgeAddress: '192.168.100.5' };
  const own = (hook: Hook): Sighting => ({ ...seenAt(hook, 'in'), to: '192.168.100.5' });
  const self = {
    DNSName: '',
    TailscaleIPs: ['100.64.0.9'],
    AllowedIPs: ['192.168.100.5/32'],
    Relay: '',
    Expired: false,
  };
  const router = {
    ...{ title: 'this host', machine: undefined, link: 'tailscale0', observed: new Map(), serve: {} },
    status: { TUN: true, BackendState: 'Running', Self: self },
    prefs: { ControlURL: '', RouteAll: false, CorpDNS: false, ShieldsUp: false, AdvertiseRoutes: ['192.168.100.5/32'] },
  };
  const observation = { vantage: 'peer' as const, command: 'dial', output: 'timeout', exitCode: 1 };
  const routed = {
    ...{ prefs: observation, nodes: observation, acceptsRoutes: true, via: '100.64.0.9' },
    dial: { result: 'timeout' as const, firstByteMs: undefined, observation },
  };
  const verdict = (host: Partial<Watched>, guest: Partial<Watched>): Verdict | undefined =>
    judge({
      ...{ ...seen, target, proxy: router, peer: { ...healthyPeer(), routed } },
      watches: { host: { ...nothing, ...host }, guest: { ...nothing, ...guest } },
    }).find(({ way }) => way === 'host-subnet-router');
  const passed = ['arrived', 'forwarded', 'left'] as const;
  expect(verdict({ sightings: passed.map(own) }, {})?.finding?.cause).toBe('lost-to-machine');
  const drops = [drop('inet fw forward', 'tcp sport 40000 tcp dport 3000')];
  expect(verdict({ sightings: [own('arrived')], drops }, {})?.finding).toMatchObject({
    cause: 'host-firewall',
    hop: 'router',
  });
  const stateful = [
    { ...drop('ip filter ts-forward', 'tcp sport 3000 tcp dport 40000'), rule: 'ct state != established drop' },
  ];
  const inGuest = ['arrived', 'delivered'] as const;
  const answers = ['said', 'left'] as const;
  const back = (hook: Hook): Sighting => ({ ...seenAt(hook, 'out', 'taken'), from: '192.168.100.5' });
  const guest = { sightings: [...inGuest.map(own), ...answers.map(back)] };
  const arrived = [...passed.map(own), back('arrived')];
  expect(verdict({ sightings: arrived, drops: stateful }, guest)?.finding?.cause).toBe('stateful-filtering');
  expect(verdict({ sightings: passed.map(own) }, guest)?.finding?.cause).toBe('lost-from-machine');
});

test("a peer's own kernel: what its rules drop, and what its routes lead elsewhere", () => {
  const at = (seen: Partial<Watched>): Verdict['finding'] => {
    const watches = { guest: nothing, peer: { ...nothing, ...seen } };
    const all = { ...facts({}, healthyPeer({ 80: 'timeout', 3000: 'timeout' })), watches };
    return judge(all).find(({ way }) => way === 'guest-direct')?.finding;
  };
  const said = [seenAt('said', 'in')];
  const drops = [drop('inet fw out', 'tcp sport 40000 tcp dport 3000')];
  expect(at({ sightings: said, drops })).toMatchObject({ cause: 'peer-firewall', hop: 'peer' });
  expect(at({ routes: way(`${NODE} via 10.0.2.2 dev eth0`) })).toMatchObject({ cause: 'peer-route', hop: 'peer' });
  expect(at({ sightings: [...said, seenAt('left', 'in')] })).toMatchObject({ cause: 'lost-on-the-way', hop: 'relay' });
});

test('what is still said on a connection from before the watch is no trace of this one', () => {
  const routes = way(`${NODE} via 10.0.2.2 dev eth0`);
  const old = [seenAt('said', 'out', 'taken'), seenAt('left', 'out', 'taken')];
  const watches = {
    guest: { ...nothing, sightings: old },
    peer: { ...nothing, sightings: [seenAt('arrived', 'out', 'taken')], routes },
  };
  const all = { ...facts({}, healthyPeer({ 80: 'timeout', 3000: 'timeout' })), watches };
  const found = judge(all).find((each) => each.way === 'guest-direct');
  expect(found?.finding).toMatchObject({ cause: 'peer-route', hop: 'peer' });
});

test('who is connected and hears nothing: the question itself does not come, and no answer is lost', () => {
  const { finding } = verdictOn('guest-direct', { sightings: DIRECT.slice(0, 4) }, {}, 'silent');
  expect(finding).toMatchObject({ cause: 'question-lost', hop: 'relay' });
  expect(verdictOn('guest-direct', { sightings: DIRECT.slice(0, 4) }).finding?.cause).toBe('answer-lost');
});

test('an answer that is not whole: all that was said arrives, or it does not', () => {
  const { from, fromPort, to, toPort } = seenAt('left', 'out');
  const stream = {
    ...{ link: 'tailscale0', from, fromPort, to, toPort, said: 41, acknowledged: 41, lost: 0 },
    ...{ asked: 9, taken: 9, isEnded: false, isReset: false, isRefused: false },
  };
  const at = (bytes: number, acknowledged: number): Verdict['finding'] => {
    const peer = healthyPeer({ 80: 'cut', 3000: 'cut' });
    const dials = new Map([...peer.dials].map(([port, dial]) => [port, { ...dial, bytes }] as const));
    const watches = { guest: { ...nothing, sightings: DIRECT, streams: [{ ...stream, acknowledged }] } };
    return judge({ ...facts({}, { ...peer, dials }), watches }).find((each) => each.way === 'guest-direct')?.finding;
  };
  expect(at(41, 41)).toMatchObject({ cause: 'backend-cut', hop: 'backend' });
  expect(at(20, 20)).toMatchObject({ cause: 'answer-lost', hop: 'relay' });
  expect(at(20, 41)).toMatchObject({ cause: 'answer-kept-at-peer', hop: 'peer' });
});

test('a step that saw nothing, though a later one did, is no end', () => {
  const { trail } = verdictOn('guest-direct', { sightings: DIRECT.filter(({ hook }) => hook !== 'delivered') });
  expect(inGuest(trail).map(({ state }) => state)).toEqual([
    'seen',
    'passed',
    'seen',
    'seen',
    'passed',
    'seen',
    'seen',
  ]);
});

test('the routes are asked for of a connection that came in and was not taken, as its packets came', () => {
  expect(routeQuestions(DIRECT.slice(0, 3), '0x400', [3000])).toEqual({
    in: `ip route get ${NODE} from ${PEER} iif tailscale0 ipproto tcp sport 40000 dport 3000 mark 0x400`,
    back: `ip route get ${PEER} from ${NODE} ipproto tcp sport 3000 dport 40000 mark 0x400`,
    neighbours: 'ip neigh show nud incomplete nud failed',
    interface: expect.stringContaining('tc -s filter show dev tailscale0 ingress'),
  });
  expect(routeQuestions(DIRECT, undefined, [3000])).toBeUndefined();
  expect(
    routeQuestions([...DIRECT.slice(0, 3), seenAt('left', 'out', 'taken', 'eth0')], undefined, [3000]),
  ).toBeDefined();
});

test("the guest's own question is not taken for tailscaled's", () => {
  const own = LOOP.map((each) => ({ ...each, ...(each.fromPort === 40000 ? { fromPort: 700 } : { toPort: 700 }) }));
  const { finding } = verdictOn('guest-serve-tun', { sightings: own, metrics: ACL, filter: '"ShieldsUp": true,' }, {});
  expect(finding?.cause).toBe('shields-up');
});
