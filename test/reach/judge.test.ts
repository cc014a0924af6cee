import { expect, test } from 'vitest';
import type { Facts } from '../../src/reach/facts.ts';
import { judge } from '../../src/reach/judge.ts';
import type { Verdict, WayId } from '../../src/reach/report.ts';
import { facts, healthyPeer } from '../support/probe-facts.ts';

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

const RULES = '5210:	from all fwmark 0x80000/0xff0000 lookup main\n32766:	from all lookup main';
const stopped = (state: string, self: object = {}): string =>
  JSON.stringify({
    BackendState: state,
    TUN: true,
    Health: ['You are logged out.'],
    Self: { TailscaleIPs: null, ...self },
  });

test.each<[string, Facts]>([
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
  ['clock-wrong', facts({ clock: '1795426759' })],
  ['dial-timeout', facts({}, healthyPeer({ 80: 'timeout' }))],
  ['dial-closed', facts({}, healthyPeer({ 80: 'closed' }))],
  ['guest-unreachable', { ...facts(), guest: undefined, guestError: 'ssh: no answer' }],
])('%s, and what stands on it is not asked', (cause, seen) => {
  const { state, finding, layers } = viaTun(seen);
  expect(state).toBe('fails');
  expect(finding?.cause).toBe(cause);
  expect(finding?.observed).not.toBe('');
  const failed = layers.findIndex((layer) => layer.state === 'failed');
  expect(layers.slice(failed + 1).filter((layer) => layer.state !== 'skipped')).toEqual([]);
});

test('a ping without pong: no path, with what the guest knows of relays', () => {
  const ping = { vantage: 'peer' as const, command: 'tailscale ping', output: 'ping timed out', exitCode: 1 };
  expect(viaTun(facts({}, { ...healthyPeer(), ping })).finding).toMatchObject({ cause: 'no-path', hop: 'relay' });
});

test('straight to the guest under TUN needs no loopback; by userspace networking it does', () => {
  const down = { loopback: 'lo DOWN 00:00:00:00:00:00 <LOOPBACK> ' };
  expect(verdictOn('guest-direct', facts(down)).state).toBe('works');
  const status = JSON.stringify({ TUN: false, BackendState: 'Running', Self: { TailscaleIPs: ['100.64.0.1'] } });
  expect(verdictOn('guest-direct', facts({ ...down, status })).finding?.cause).toBe('loopback-down');
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
    drops: undefined,
    status: { TUN: true, BackendState: 'Running', AuthURL: '', Self: self },
    serve: {},
    prefs: { ControlURL: '', RouteAll: false, CorpDNS: false, AdvertiseRoutes: ['192.168.100.5/32'] },
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
