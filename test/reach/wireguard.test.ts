import { expect, test } from 'vitest';
import { planUdp } from '../../src/reach/changes/udp-change.ts';
import { wireguardConfig } from '../../src/reach/changes/wireguard-config.ts';
import type { Dial, Facts, WireguardFacts } from '../../src/reach/facts.ts';
import { judge } from '../../src/reach/judge.ts';
import type { Observation } from '../../src/reach/observation.ts';
import type { Verdict } from '../../src/reach/report.ts';
import type { WireguardTunnel } from '../../src/spec/service.ts';
import { wireguard } from '../../src/spec/services/wireguard.ts';
import { facts, unanswered } from '../support/probe-facts.ts';

const KEY = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';
/** Of a real guest (linux 6.12, wireguard-tools 1.0.20210914). */
const SHOWN = `interface: wg0
  public key: 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=
  private key: (hidden)
  listening port: 51820

peer: ${KEY}
  allowed ips: 10.88.0.254/32`;
const GUEST = { wireguardLink: 'wg0              UNKNOWN        <POINTOPOINT,NOARP,UP,LOWER_UP> ', wireguard: SHOWN };

function tunnel(): WireguardTunnel {
  const made = wireguard.create({}).wireguard;
  if (made === undefined) throw new Error('No tunnel.');
  return made;
}

const seenBy = (vantage: 'peer' | 'host', output: string, exitCode = 0): Observation => ({
  vantage,
  command: 'x',
  output,
  exitCode,
});
const dialled = (result: Dial['result']): Dial => ({
  result,
  firstByteMs: result === 'data' ? 12 : undefined,
  observation: seenBy('peer', result),
});

const healthy: WireguardFacts = {
  tunnel: tunnel(),
  clientKey: KEY,
  isSetUp: true,
  takenBy: undefined,
  forward: seenBy('host', '1: 00000000:CA6C 00000000:0000'),
  handshake: seenBy('peer', 'answered after 9 ms'),
  dial: dialled('data'),
};

function verdictOn(
  changed: Partial<WireguardFacts> | undefined,
  guest: Parameters<typeof facts>[0] = {},
  isBroken = false,
): Verdict {
  const seen: Facts = {
    ...facts({ ...GUEST, ...guest }),
    wireguard: changed === undefined ? undefined : { ...healthy, ...changed },
  };
  const judged = isBroken ? unanswered(seen) : seen;
  const verdict = judge(judged).find(({ way }) => way === 'wireguard-direct');
  if (verdict === undefined) throw new Error('No verdict.');
  return verdict;
}

test('a healthy machine: the address in the tunnel, and no finding', () => {
  const { state, address, firstByteMs, finding, layers } = verdictOn({});
  expect([state, address, firstByteMs, finding]).toEqual(['works', 'http://10.88.0.1:3000/', 12, undefined]);
  expect(layers.map((layer) => layer.state)).toEqual(Array(7).fill('ok'));
});

test('where nobody dialled it is not called working', () => {
  expect(verdictOn({ handshake: undefined, dial: undefined }).state).toBe('untried');
});

test('what a machine or this host does not offer is unavailable, with what to do', () => {
  expect(verdictOn(undefined).reason).toContain('add `- use: wireguard` to its services');
  expect(verdictOn({ isSetUp: false }).reason).toBe('not set up: vmkit expose tn --via wireguard');
  expect(verdictOn({ takenBy: 'UDP 51820 of the host leads to wireguard in other' }).reason).toContain('another port');
});

test.each<[string, Partial<WireguardFacts>, Parameters<typeof facts>[0]]>([
  ['backend-not-listening', {}, { listeners: 'LISTEN 0 9 *:22 *:*', backend: [1, 'nc: refused'] }],
  ['backend-other-address', {}, { listeners: 'LISTEN 0 9 127.0.0.1:3000 0.0.0.0:*' }],
  ['wireguard-down', {}, { wireguardLink: [1, 'Device "wg0" does not exist.'], wireguard: [1, 'No such device'] }],
  ['wireguard-down', {}, { wireguardLink: 'wg0 DOWN <POINTOPOINT,NOARP>' }],
  ['wireguard-down', {}, { wireguard: SHOWN.replace('51820', '4500') }],
  ['wireguard-unknown-client', { clientKey: KEY.replace('h', 'x') }, {}],
  ['wireguard-unknown-client', { clientKey: undefined }, {}],
  ['udp-not-forwarded', { forward: seenBy('host', '', 1) }, {}],
  ['wireguard-no-handshake', { handshake: seenBy('peer', 'no answer within 7 s', 1), dial: undefined }, {}],
  ['dial-timeout', { dial: dialled('timeout') }, {}],
  ['dial-refused', { dial: dialled('refused') }, {}],
  ['dial-silent', { dial: dialled('silent') }, {}],
])('%s, and what stands on it is not asked', (cause, changed, guest) => {
  const { state, finding, layers } = verdictOn(changed, guest, true);
  expect([state, finding?.cause]).toEqual(['fails', cause]);
  expect(finding?.observed).not.toBe('');
  const failed = layers.findIndex((layer) => layer.state === 'failed');
  expect(layers.slice(failed + 1).filter((layer) => layer.state !== 'skipped')).toEqual([]);
});

test('a service on the address of the tunnel alone is as good as one on all', () => {
  expect(verdictOn({}, { listeners: 'LISTEN 0 9 10.88.0.1:3000 0.0.0.0:*' }).state).toBe('works');
});

test('only a machine on the bridge needs a change of this host', () => {
  const seen = { ...facts(), wireguard: healthy };
  expect(planUdp('wireguard', seen)).toEqual([]);
  const onBridge = { ...seen, target: { ...seen.target, bridgeAddress: '192.168.100.5' } };
  expect(planUdp('wireguard', onBridge)[0]?.apply[0]?.input).toContain('udp dport 51820 dnat to 192.168.100.5:51820');
});

test("a client's configuration, for wg-quick and for the apps", async () => {
  const [phone] = healthy.tunnel.clients;
  if (phone === undefined) throw new Error('No client.');
  const keys = { privateKey: 'PRIVATE', machineKey: KEY };
  const texts = ['host.example.org', '2001:db8::1'].map((at) => wireguardConfig(healthy.tunnel, phone, keys, at));
  await expect(texts.join('\n----\n\n')).toMatchFileSnapshot('../golden/wireguard-client.txt');
});
