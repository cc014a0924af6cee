import { expect, test } from 'vitest';
import type { Dial, Facts } from '../../src/reach/facts.ts';
import { readWatched, type Sighting, type TracedDrop, type Watched } from '../../src/reach/follow/sightings.ts';
import { type Hook, watchScript } from '../../src/reach/follow/watch-script.ts';
import { judge } from '../../src/reach/judge.ts';
import type { Verdict, WayId } from '../../src/reach/report.ts';
import { facts, healthyPeer } from '../support/probe-facts.ts';

test('what is run on a machine that is watched', async () => {
  await expect(watchScript([3000, 8080], 4, '100.64.0.2', '/usr/sbin:/usr/bin')).toMatchFileSnapshot(
    '../golden/watch.sh',
  );
});

/** Of a real guest (linux 6.12, nft 1.1.3, tailscale 1.98.2), shortened. */
const PRINTED = `==> watching <==

==> counters-before <==
-- netstat
TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 0 1 1
-- stat/nf_conntrack
entries  clashres insert_failed drop
0000000f  00000000  00000000  0000000a
0000000f  00000000  00000000  00000000

==> metrics-before <==
tailscaled_inbound_dropped_packets_total{reason="acl"} 2

==> counters <==
-- netstat
TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 0 4 1
-- stat/nf_conntrack
entries  clashres insert_failed drop
0000001f  00000000  00000000  0000000b
0000001f  00000000  00000000  00000001

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

==> route <==
100.64.0.2 dev tailscale0 table 52 src 100.64.0.1 uid 0
`;

test('what it printed', () => {
  expect(readWatched(PRINTED)).toEqual({
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
    drops: [{ chain: 'inet fw in', rule: 'tcp dport 3000 drop', packet: expect.stringContaining('tcp dport 3000') }],
    risen: new Map([
      ['TcpExt ListenOverflows', 3],
      ['conntrack drop', 2],
    ]),
    metrics: new Map([
      ['tailscaled_inbound_dropped_packets_total{reason="acl"}', 3],
      ['tailscaled_inbound_packets_total{path="derp"}', 3],
    ]),
    sockets: undefined,
    route: expect.stringContaining('dev tailscale0'),
    filter: undefined,
  });
});

test('where there is no nft nothing is said of what was not seen', () => {
  expect(readWatched('==> watching <==\n\n==> flows <==\nsh: nft: not found\n')).toBeUndefined();
  expect(readWatched('')).toBeUndefined();
});

const NODE = '100.64.0.1';
const PEER = '100.64.0.2';
type Side = 'in' | 'out';

/** One packet of the connection to port 3000 at a hook: of the question, or of the answer. */
function seen(hook: Hook, side: Side, kind: Sighting['kind'] = 'any', link = 'tailscale0'): Sighting {
  const [local, remote] = link === 'lo' ? ['127.0.0.1', '127.0.0.1'] : [NODE, PEER];
  const ends =
    side === 'in'
      ? { from: remote, fromPort: 40000, to: local, toPort: 3000 }
      : { from: local, fromPort: 3000, to: remote, toPort: 40000 };
  return { hook, kind, link, ...ends, packets: 3 };
}

const nothing: Watched = {
  sightings: [],
  drops: [],
  risen: new Map(),
  metrics: new Map(),
  sockets: undefined,
  route: undefined,
  filter: undefined,
};

const DIRECT = [
  seen('arrived', 'in'),
  seen('delivered', 'in'),
  seen('said', 'out'),
  seen('left', 'out'),
  seen('delivered', 'in', 'data'),
  seen('said', 'out', 'data'),
  seen('left', 'out', 'data'),
];
const LOOP = [
  seen('said', 'in', 'any', 'lo'),
  seen('arrived', 'in', 'any', 'lo'),
  seen('delivered', 'in', 'any', 'lo'),
  seen('said', 'out', 'any', 'lo'),
  seen('delivered', 'in', 'data', 'lo'),
  seen('said', 'out', 'data', 'lo'),
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

const drop = (chain: string, ports: string): TracedDrop => ({
  chain,
  rule: 'drop',
  packet: `iif "tailscale0" ip saddr ${PEER} ip daddr ${NODE} ip protocol tcp ${ports} tcp flags == syn`,
});
const ACL = new Map([['tailscaled_inbound_dropped_packets_total{reason="acl"}', 3]]);
const CAME = new Map([['tailscaled_inbound_packets_total{path="direct_ipv4"}', 3]]);

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
  ['no-route-back', 'guest', { sightings: DIRECT.slice(0, 2), route: 'RTNETLINK answers: Network is unreachable' }, {}],
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
  const { state, finding, trail } = verdictOn('guest-direct', watched, {
    routes: 'default via 10.0.2.2 dev eth0',
    ...changed,
  });
  expect([state, finding?.cause, finding?.hop]).toEqual(['fails', cause, hop]);
  const count = watched.sightings?.length ?? 0;
  expect(trail.map((each) => each.state).slice(0, count)).toEqual(Array(count).fill('seen'));
  if (count < trail.length) expect(trail[count]?.state).toBe('missing');
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

test('a step that saw nothing, though a later one did, is no end', () => {
  const { trail } = verdictOn('guest-direct', { sightings: DIRECT.filter(({ hook }) => hook !== 'delivered') });
  expect(trail.map(({ state }) => state)).toEqual(['seen', 'passed', 'seen', 'seen', 'passed', 'seen', 'seen']);
});
