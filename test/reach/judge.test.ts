import { expect, test } from 'vitest';
import { besideTheWays } from '../../src/reach/beside.ts';
import type { Dial, Facts, PeerFacts } from '../../src/reach/facts.ts';
import { judge } from '../../src/reach/judge.ts';
import type { Verdict, WayId } from '../../src/reach/report.ts';
import { facts, healthyPeer, unanswered } from '../support/ways/probe-facts.ts';

function verdictOn(way: WayId, seen: Facts): Verdict {
  const verdict = judge(seen).find((each) => each.way === way);
  if (verdict === undefined) throw new Error(`No verdict on ${way}.`);
  return verdict;
}

const viaTun = (seen: Facts): Verdict => verdictOn('guest-serve-tun', seen);

test('a healthy machine: the address to type, and no finding', () => {
  expect(viaTun(facts())).toMatchObject({ state: 'works', address: 'http://tn.tailnet.test/', firstByteMs: 26 });
  expect(judge(facts()).filter(({ finding }) => finding !== undefined)).toEqual([]);
});

test('without a peer nothing is called working', () => {
  expect(viaTun({ ...facts(), peer: undefined }).state).toBe('untried');
});

test('a guest that told too late what it serves: a peer looked, and not for that', () => {
  const seen = facts({}, { ...healthyPeer(), dials: new Map() });
  expect(viaTun(seen)).toMatchObject({
    state: 'untried',
    reason: expect.stringContaining('after the peer had dialled'),
  });
});

const RULES = '5210:	from all fwmark 0x80000/0xff0000 lookup main\n32766:	from all lookup main';
const stopped = (state: string, self: object = {}): string =>
  JSON.stringify({
    BackendState: state,
    TUN: true,
    Health: ['You are logged out.'],
    Self: { TailscaleIPs: null, ...self },
  });

test.each<[string, Facts]>([
  ['loopback-address-missing', facts({ loopbackAddress: 'lo UNKNOWN', backend: [1, 'nc: timed out'] })],
  ['loopback-down', facts({ loopback: 'lo DOWN 00:00:00:00:00:00 <LOOPBACK> ', backend: [1, 'nc: timed out'] })],
  ['local-rule-moved', facts({ rules: RULES })],
  ['local-rule-moved', facts({ rules: `${RULES}\n6000:	from all lookup local` })],
  ['kernel-no-policy-routing', facts({ rules: [2, 'RTNETLINK answers: Operation not supported\nDump terminated'] })],
  [
    'kernel-no-nftables',
    facts({ nftables: [1, 'Error: Could not process rule: Operation not supported'], iptables: [127, ''] }),
  ],
  [
    'tun-missing',
    facts({ tun: [2, 'sh: 1: cannot open /dev/net/tun: No such file'], mode: 'tun\nthe definition says so' }),
  ],
  ['backend-not-listening', facts({ listeners: 'LISTEN 0 1000 0.0.0.0:22 0.0.0.0:*', backend: [1, 'nc: refused'] })],
  ['backend-other-address', facts({ listeners: 'LISTEN 0 9 10.0.2.15:3000 0.0.0.0:*', backend: [1, 'nc: refused'] })],
  ['backend-no-answer', facts({ backend: [1, 'nc: timed out'] })],
  ['port-clash', facts({ listeners: 'LISTEN 0 9 *:3000 *:*\nLISTEN 0 9 0.0.0.0:80 0.0.0.0:*' })],
  ['tailscaled-down', facts({ status: [1, 'failed to connect to local tailscaled'] })],
  ['not-logged-in', facts({ status: stopped('NeedsLogin') })],
  ['key-expired', facts({ status: stopped('NeedsLogin', { KeyExpiry: '2020-01-01T00:00:00Z' }) })],
  ['serve-not-configured', facts({ serve: '{}' })],
  ['dial-timeout', facts({}, healthyPeer({ 80: 'timeout' }))],
  ['dial-closed', facts({}, healthyPeer({ 80: 'closed' }))],
  ['guest-unreachable', { ...facts(), guest: undefined, guestError: 'ssh: no answer' }],
])('%s, and what stands on it is not asked', (cause, seen) => {
  const { state, finding, layers } = viaTun(unanswered(seen));
  expect(state).toBe('fails');
  expect(finding?.cause).toBe(cause);
  expect(finding?.observed).not.toBe('');
  const failed = layers.findIndex((layer) => layer.state === 'failed');
  expect(layers.slice(failed + 1).filter((layer) => layer.state !== 'skipped')).toEqual([]);
});

test('a ping without pong: no path, with what the guest knows of relays', () => {
  const ping = { vantage: 'peer' as const, command: 'tailscale ping', output: 'ping timed out', exitCode: 1 };
  expect(viaTun(facts({}, { ...healthyPeer({ 80: 'timeout' }), ping })).finding).toMatchObject({
    cause: 'no-path',
    hop: 'relay',
  });
});

test('straight to the guest under TUN needs no loopback; by userspace networking it does', () => {
  const down = { loopback: 'lo DOWN 00:00:00:00:00:00 <LOOPBACK> ' };
  expect(verdictOn('guest-direct', facts(down)).state).toBe('works');
  const status = JSON.stringify({ TUN: false, BackendState: 'Running', Self: { TailscaleIPs: ['100.64.0.1'] } });
  expect(verdictOn('guest-direct', unanswered(facts({ ...down, status }))).finding?.cause).toBe('loopback-down');
});

test('what a machine does not offer is unavailable, with the reason', () => {
  expect(verdictOn('guest-serve-userspace', facts()).reason).toContain('/dev/net/tun opens');
  expect(viaTun(facts({ mode: [1, 'cat: no such file'] })).reason).toContain('use: tailscale');
  const onLoopback = facts({ listeners: 'LISTEN 0 9 127.0.0.1:3000 0.0.0.0:*' });
  expect(verdictOn('guest-direct', onLoopback).state).toBe('unavailable');
  expect(viaTun(onLoopback).state).toBe('works');
});

const viaRoute = (
  allowed: readonly string[],
  changed: { readonly bridge?: number; readonly forward?: string } = {},
): Verdict => {
  const command = (output: string, exitCode = 0) => ({ vantage: 'host' as const, command: 'x', output, exitCode });
  const seen = facts();
  const target = { ...seen.target, bridgeAddress: '192.168.100.5' };
  const self = {
    HostName: 'laptop',
    DNSName: '',
    TailscaleIPs: ['100.64.0.9'],
    AllowedIPs: [...allowed],
    Relay: '',
    Online: true,
    Expired: false,
  };
  const proxy = {
    observed: new Map([
      ['status', command('{}')],
      ['bridge', command('HTTP/1.0 200 OK', changed.bridge)],
      ['forward', command(`/proc/sys/net/ipv4/conf/tailscale0/forwarding:${changed.forward ?? '1'}`)],
    ]),
    title: 'this host',
    machine: undefined,
    link: 'tailscale0',
    status: { TUN: true, BackendState: 'Running', AuthURL: '', Self: self },
    serve: {},
    prefs: { ControlURL: '', RouteAll: false, CorpDNS: false, ShieldsUp: false, AdvertiseRoutes: ['192.168.100.5/32'] },
  };
  return verdictOn('host-subnet-router', { ...seen, target, proxy });
};

test('a route through this host: approved, forwarded, answered, or what of it is missing', () => {
  expect(viaRoute(['192.168.100.5/32'])).toMatchObject({ state: 'untried', address: 'http://192.168.100.5:3000/' });
  expect(viaRoute(['100.64.0.9/32']).finding?.cause).toBe('route-not-approved');
  expect(viaRoute(['192.168.100.5/32'], { forward: '0' }).finding?.cause).toBe('ip-forward-off');
  expect(viaRoute(['192.168.100.5/32'], { bridge: 1 }).finding?.cause).toBe('bridge-no-answer');
  expect(verdictOn('host-subnet-router', facts()).reason).toBe('the host has no Tailscale');
});

test('what is wrong in a layer breaks no way that works: it is told beside', () => {
  const { state, warnings } = viaTun(facts({ listeners: 'LISTEN 0 9 *:3000 *:*\nLISTEN 0 9 0.0.0.0:80 0.0.0.0:*' }));
  expect([state, warnings.map(({ cause }) => cause)]).toEqual(['works', ['port-clash']]);
});

const answered = (changed: Partial<Dial>): Facts => {
  const peer = healthyPeer();
  const dial = peer.dials.get(80);
  if (dial === undefined) throw new Error('No dial.');
  return facts({}, { ...peer, dials: new Map([[80, { ...dial, ...changed }]]) });
};
const asked = (changed: Partial<Dial>): Partial<Facts> => {
  const { asked: own } = facts();
  return own === undefined ? {} : { asked: { ...own, ...changed } };
};
const withPeer = (changed: Partial<PeerFacts>): Facts => facts({}, { ...healthyPeer(), ...changed });
const ping = (output: string) => ({ vantage: 'peer' as const, command: 'tailscale ping', output, exitCode: 0 });
const PONG = 'pong from tn (100.64.0.1) via DERP(test) in 3ms';

test.each<[string, string, Facts]>([
  ['answers-5xx', 'backend', { ...answered({ status: 502 }), ...asked({ status: 502 }) }],
  [
    'redirect-unreachable',
    'backend',
    answered({ status: 302, redirect: { location: 'http://localhost:3000/', whyNot: 'localhost is the peer itself' } }),
  ],
  [
    'redirect-loop',
    'backend',
    answered({ status: 302, redirect: { location: '/', whyNot: 'it leads in a circle', isLoop: true } }),
  ],
  [
    'answers-5xx',
    'backend',
    answered({ status: 302, redirect: { location: '/login', whyNot: undefined, status: 502 } }),
  ],
  ['slow', 'relay', answered({ wholeMs: 3_500 })],
  ['slow', 'relay', answered({ wholeMs: 2_100 })],
  ['slow', 'backend', { ...answered({ wholeMs: 5_000 }), ...asked({ wholeMs: 4_900 }) }],
  ['relayed', 'relay', withPeer({ directPing: ping(`${PONG}\n${PONG}\ndirect connection not established`) })],
  ['name-not-resolved', 'peer', withPeer({ resolvesNames: false })],
  ['clock-wrong', 'guest', facts({ clock: '1795513759' })],
])('degraded, %s at the %s', (cause, hop, seen) => {
  const { state, finding, firstByteMs } = viaTun(seen);
  expect([state, finding?.cause, finding?.hop, firstByteMs]).toEqual(['degraded', cause, hop, 26]);
});

test('small answers that come back say nothing of large ones, which are pinged', () => {
  const peer = { ...healthyPeer(), largePing: ping(PONG), largePingBack: ping('ping "100.64.0.2" timed out') };
  const small = answered({ bytes: 200 });
  expect(viaTun({ ...small, peer: small.peer && { ...peer, dials: small.peer.dials } }).finding?.cause).toBe(
    'large-answers-lost',
  );
  expect(viaTun(facts({}, peer)).state).toBe('works');
});

test.each<[string, Facts]>([
  ['a direct path that came late', withPeer({ directPing: ping(`${PONG}\npong from tn via 10.0.0.1:1 in 3ms`) })],
  ['a login wall', answered({ status: 401 })],
  ['a redirect that the peer follows', answered({ status: 302, redirect: { location: '/x', whyNot: undefined } })],
  ['a clock four minutes ahead', facts({ clock: '1795513399' })],
])('no degradation: %s', (_, seen) => {
  expect(viaTun(seen)).toMatchObject({ state: 'works', finding: undefined, warnings: [] });
});

test('silence is no success; where nothing is known of the protocol it is told, and is the same inside the guest', () => {
  const silent = answered({ result: 'silent', firstByteMs: undefined, wholeMs: undefined });
  const isSilent = { result: 'silent', wholeMs: undefined, firstByteMs: undefined } as const;
  expect(viaTun({ ...silent, ...asked(isSilent) })).toMatchObject({
    state: 'fails',
    finding: { cause: 'backend-silent' },
  });
  const target = { ...silent.target, protocol: 'tcp' as const };
  expect(viaTun({ ...silent, ...asked(isSilent), target }).finding?.cause).toBe('answer-unknown');
  expect(viaTun({ ...silent, target }).state).toBe('fails');
});

test("an error that the service does not answer with is not the service's answer", () => {
  expect(viaTun(answered({ status: 502 })).state).toBe('fails');
});

test('where no peer could join, nothing is called working, and why is told', () => {
  const seen = { ...facts(), peer: undefined, peerError: 'it did not join the tailnet within 10 s' };
  expect(viaTun(seen)).toMatchObject({ state: 'untried', reason: expect.stringContaining('within 10 s') });
  expect(besideTheWays(seen).map(({ cause }) => cause)).toEqual(['peer-not-joined']);
});

test.each([
  ['IPv6 is silent', 'data', 'timeout', 'works', [], ['one-family-silent']],
  ['a service of IPv4 alone costs nobody anything', 'data', 'refused', 'works', [], []],
  ['both answer', 'data', 'data', 'works', [], []],
  ['IPv4 is silent, and a peer gets its answer by IPv6', 'timeout', 'data', 'degraded', ['dial-timeout'], []],
  ['neither answers', 'timeout', 'timeout', 'fails', ['dial-timeout'], []],
] as const)('two families of addresses: %s', (_, first, other, state, finding, warnings) => {
  const peer = healthyPeer({ 3000: first });
  const otherFamily = {
    node: 'fd7a:115c:a1e0::1',
    from: 'fd7a:115c:a1e0::2',
    dials: healthyPeer({ 3000: other }).dials,
  };
  const verdict = verdictOn('guest-direct', facts({}, { ...peer, otherFamily }));
  const causes = verdict.finding === undefined ? [] : [verdict.finding.cause];
  expect([verdict.state, causes, verdict.warnings.map(({ cause }) => cause)]).toEqual([state, finding, warnings]);
});

test('a way whose peer could not ask is untried: that says nothing of the way', () => {
  const seen = answered({ result: 'failed', isUnasked: true, firstByteMs: undefined, wholeMs: undefined });
  expect(viaTun(seen)).toMatchObject({ state: 'untried', finding: undefined });
});

test('the network on the host: what was changed there is the cause where the way fails, and is told beside one that works', () => {
  const observation = {
    vantage: 'host',
    command: 'ip link',
    output: 'not any more: ip link set dev web up',
    exitCode: 1,
  } as const;
  const hostNetwork = { observation, fix: 'sudo ip link set dev web up' };
  const found = { cause: 'host-network-changed', hop: 'host', fix: hostNetwork.fix };
  const failed = facts({}, { ...healthyPeer({ 80: 'timeout', 3000: 'timeout' }), ping: ping('timed out') });
  expect(viaTun({ ...failed, hostNetwork })).toMatchObject({ state: 'fails', finding: found });
  expect(viaTun({ ...facts(), hostNetwork })).toMatchObject({ state: 'works', warnings: [found] });
  const whole = { ...hostNetwork, observation: { ...observation, exitCode: 0 } };
  expect(viaTun({ ...facts(), hostNetwork: whole })).toMatchObject({ state: 'works', warnings: [] });
});

test('serve by https in a tailnet without certificates', () => {
  const serve = {
    TCP: { '443': { HTTPS: true } },
    Web: { 'tn.tailnet.test:443': { Handlers: { '/': { Proxy: 'http://127.0.0.1:3000' } } } },
  };
  const seen = facts({}, healthyPeer({ 443: 'silent' }));
  const guest = seen.guest && { ...seen.guest, serve };
  expect(viaTun({ ...seen, guest })).toMatchObject({
    state: 'fails',
    finding: { cause: 'https-off', hop: 'tailscaled' },
  });
});
