import { expect, test } from 'vitest';
import { planUdp } from '../../src/reach/changes/udp-change.ts';
import { wireguardConfig } from '../../src/reach/changes/wireguard-config.ts';
import type { Dial, Facts, WireguardFacts } from '../../src/reach/facts.ts';
import type { Sighting } from '../../src/reach/follow/seen/sighting.ts';
import type { Watched } from '../../src/reach/follow/seen/sightings.ts';
import type { TracedDrop } from '../../src/reach/follow/seen/trace.ts';
import { followTrail } from '../../src/reach/follow/trail.ts';
import { judge } from '../../src/reach/judge.ts';
import type { Observation } from '../../src/reach/observation.ts';
import type { Verdict } from '../../src/reach/report.ts';
import type { WireguardTunnel } from '../../src/spec/service.ts';
import { wireguard } from '../../src/spec/services/wireguard.ts';
import { facts, unanswered } from '../support/ways/probe-facts.ts';

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
  machineKey: '3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=',
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
  expect(layers.map((layer) => layer.state)).toEqual(Array(8).fill('ok'));
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
  ['wireguard-other-key', { machineKey: KEY }, {}],
  ['wireguard-allowed-ips', {}, { wireguard: SHOWN.replace('10.88.0.254', '10.88.0.2') }],
  ['wireguard-allowed-ips', {}, { wireguard: SHOWN.replace('10.88.0.254/32', '(none)') }],
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

/** Nobody answered the handshake, and this is what was seen of its datagrams. */
function unheard(guest: Partial<Watched>, host: Partial<Watched> = {}): [string | undefined, string | undefined] {
  const handshake = seenBy('peer', 'no answer', 1);
  const watched = (seen: Partial<Watched>): Watched => ({ ...NOTHING_SEEN, ...seen });
  const seen: Facts = {
    ...facts(GUEST),
    wireguard: { ...healthy, handshake, dial: { ...dialled('timeout'), observation: handshake } },
    watches: { guest: watched(guest), host: watched({ sightings: [datagrams('said', 'to')], ...host }) },
  };
  const verdict = judge(seen).find(({ way }) => way === 'wireguard-direct');
  return [verdict?.finding?.hop, verdict?.finding?.cause];
}

const NOTHING_SEEN: Watched = {
  sightings: [],
  drops: [],
  rewrites: [],
  streams: [],
  notices: [],
  risen: new Map(),
  metrics: new Map(),
  holders: [],
  sockets: undefined,
  filter: undefined,
  mark: undefined,
  words: [],
};

function datagrams(hook: Sighting['hook'], direction: 'to' | 'from'): Sighting {
  const [client, machine] = [
    ['10.0.2.2', 40_000],
    ['10.0.2.15', 51_820],
  ] as const;
  const [[from, fromPort], [to, toPort]] = direction === 'to' ? [client, machine] : [machine, client];
  return { hook, kind: 'any', link: 'eth0', from, fromPort, to, toPort, packets: 3 };
}

test('a handshake that nobody answers ends where its datagrams do', () => {
  const [arrived, delivered] = [datagrams('arrived', 'to'), datagrams('delivered', 'to')];
  const [said, left] = [datagrams('said', 'from'), datagrams('left', 'from')];
  const drop = (chain: string, rule: string, ports: string): TracedDrop => ({
    chain,
    rule,
    packet: `iif "eth0" ip saddr 10.0.2.2 ip daddr 10.0.2.15 ip protocol udp ${ports}`,
  });
  const asks = 'udp sport 40000 udp dport 51820';
  const word = { where: 'udp_rcv', link: 'eth0', from: '10.0.2.2', fromPort: 40_000, to: '10.0.2.15', toPort: 51_820 };
  expect(unheard({})).toEqual(['host', 'wireguard-no-handshake']);
  expect(unheard({}, { drops: [drop('inet fw out', 'udp dport 51820 drop', asks)] })).toEqual([
    'host',
    'host-firewall',
  ]);
  const dropped = [drop('inet fw in', 'udp dport 51820 drop', asks)];
  expect(unheard({ sightings: [arrived], drops: dropped })).toEqual(['guest', 'guest-firewall']);
  expect(unheard({ sightings: [arrived, delivered] })).toEqual(['guest', 'handshake-refused']);
  const words = [{ ...word, reason: 'NO_SOCKET', protocol: 'udp' as const }];
  expect(unheard({ sightings: [arrived, delivered], words })).toEqual(['guest', 'wireguard-down']);
  const back = [drop('inet fw out', 'udp sport 51820 drop', 'udp sport 51820 udp dport 40000')];
  expect(unheard({ sightings: [arrived, delivered, said], drops: back })).toEqual(['guest', 'guest-firewall']);
  const [hop] = unheard({ sightings: [arrived, delivered, said, left] });
  expect(hop).toBe('host');
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

test("the datagrams of another client are none of the probe's own, where this host sends them on with their port", () => {
  const trailOf = (sentFrom: number, bridgeAddress: string | undefined): string[] => {
    const seen = facts(GUEST);
    const sightings = [datagrams('arrived', 'to'), datagrams('delivered', 'to')];
    const all: Facts = {
      ...seen,
      target: { ...seen.target, bridgeAddress },
      wireguard: { ...healthy, sentFrom, dial: dialled('timeout') },
      watches: { guest: { ...NOTHING_SEEN, sightings }, host: NOTHING_SEEN },
    };
    const steps = followTrail('wireguard-direct', all)?.steps ?? [];
    return steps.filter(({ state }) => state === 'seen').map(({ title }) => title);
  };
  const arrives = ['they arrive in the guest', "the guest's packet filter lets them in"];
  expect(trailOf(40_000, '192.168.100.5')).toEqual(arrives);
  expect(trailOf(40_001, '192.168.100.5')).toEqual([]);
  // QEMU sends from a port of its own.
  expect(trailOf(40_001, undefined)).toEqual(arrives);
});
