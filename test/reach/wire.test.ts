import { expect, test } from 'vitest';
import { earlierThan } from '../../src/reach/follow/seen/earlier.ts';
import { readWatched } from '../../src/reach/follow/seen/sightings.ts';
import { streamsOf } from '../../src/reach/follow/seen/streams.ts';
import { readTrace } from '../../src/reach/follow/seen/trace.ts';
import { wirePackets, wireSightings } from '../../src/reach/follow/seen/wire.ts';

const [ASK, ANSWER] = ['100.64.0.2 40000 100.64.0.1 3000', '100.64.0.1 3000 100.64.0.2 40000'];
/** Flags, number of the first byte, acknowledged, bytes: a connection whose numbers pass 2^32. */
const PRINTED = `on
came tailscale0 ${ASK} 2 7 0 0
went tailscale0 ${ANSWER} 18 4294967295 8 0
came tailscale0 ${ASK} 16 8 0 0
came tailscale0 ${ASK} 24 8 0 1480
went tailscale0 ${ANSWER} 24 0 1488 100
went tailscale0 ${ANSWER} 24 100 1488 50
went tailscale0 ${ANSWER} 24 100 1488 50
came tailscale0 ${ASK} 16 1488 100 0
went tailscale0 ${ANSWER} 17 150 1488 0
`;

test('what an interface saw: packets of each kind, and how much was said and acknowledged', () => {
  const packets = wirePackets(PRINTED) ?? [];
  const seen = wireSightings(packets).map(({ hook, kind, packets }) => [hook, kind, packets]);
  expect(seen).toEqual([
    ['arrived', 'any', 4],
    ['left', 'any', 5],
    ['left', 'taken', 1],
    ['arrived', 'data', 1],
    ['left', 'data', 3],
  ]);
  expect(streamsOf(packets)).toMatchObject([
    {
      fromPort: 3000,
      said: 150,
      acknowledged: 100,
      lost: 50,
      asked: 1480,
      taken: 1480,
      isEnded: true,
      isReset: false,
      isRefused: false,
    },
  ]);
  expect(wirePackets('off\n')).toBeUndefined();
});

test('where an interface was listened to, its word comes before the first chain and behind the last', () => {
  const set = (name: string, from: string, fromPort: number, to: string, toPort: number): object => ({
    set: {
      name,
      elem: [{ elem: { val: { concat: ['tailscale0', from, fromPort, to, toPort] }, counter: { packets: 1 } } }],
    },
  });
  const sets = [
    set('arrived', '100.64.0.2', 40000, '100.64.0.1', 3000),
    set('left', '100.64.0.1', 3000, '100.64.0.2', 40000),
  ];
  const wire = `on\ncame tailscale0 ${ASK} 2 7 0 0\n`;
  const hooks = (more: string): (string | undefined)[] | undefined =>
    readWatched(`==> flows <==\n${JSON.stringify({ nftables: sets })}\n\n${more}`, [3000])?.sightings.map(
      ({ hook }) => hook,
    );
  expect(hooks('')).toEqual(['arrived', 'left']);
  // The last chain sent it on, and the interface did not.
  expect(hooks(`==> wire <==\n${wire}`)).toEqual(['entered', 'queued', 'arrived']);
});

test('a late answer to an earlier question is none of what is watched; a connection that stays open and is asked again is', () => {
  const packets =
    wirePackets(`on
came lo 127.0.0.1 50000 127.0.0.1 3000 16 7 9 0
went lo 127.0.0.1 3000 127.0.0.1 50000 24 9 7 120
came lo 127.0.0.1 50001 127.0.0.1 3000 24 7 9 80
went lo 127.0.0.1 3000 127.0.0.1 50001 24 9 87 120
came lo 127.0.0.1 50002 127.0.0.1 3000 2 7 0 0
`) ?? [];
  const isEarlier = earlierThan(packets, [3000]);
  const from = (fromPort: number): boolean => isEarlier({ from: '127.0.0.1', fromPort, to: '127.0.0.1', toPort: 3000 });
  // The last one was seen by the chains alone.
  expect([50000, 50001, 50002, 50003].map(from)).toEqual([true, false, false, false]);
  expect(isEarlier({ from: '127.0.0.1', fromPort: 3000, to: '127.0.0.1', toPort: 50000 })).toBe(true);
});

test('a rule that gives a packet another destination, by its own words or by what became of the packet', () => {
  const packet = (chain: string, to: string, port: number): string =>
    `trace id 1 ${chain} packet: iif "tailscale0" ip saddr 100.64.0.2 ip daddr ${to} ip protocol tcp tcp sport 40000 tcp dport ${port} tcp flags == syn`;
  const rewrites = (...lines: string[]): object[] => [...readTrace(lines.join('\n')).rewrites];
  const first = packet('ip fault c', '100.64.0.1', 3000);
  expect(
    rewrites(first, 'trace id 1 ip fault c rule tcp dport 3000 dnat to 10.9.0.1:81 (verdict accept)'),
  ).toMatchObject([{ chain: 'ip fault c', to: '10.9.0.1:81', packet: expect.stringContaining('tcp dport 3000') }]);
  const silent = 'trace id 1 ip nat PREROUTING rule counter packets 1 xt target (verdict accept)';
  expect(rewrites(first, silent, packet('ip filter INPUT', '100.64.0.1', 3001))).toMatchObject([
    { chain: 'ip nat PREROUTING', to: '100.64.0.1:3001' },
  ]);
  expect(rewrites(first, silent, packet('ip filter INPUT', '100.64.0.1', 3000))).toEqual([]);
});

test('what others say of packets that do not get on (ICMP), as far as it came to this machine', () => {
  const watched = readWatched(
    `==> flows <==\n${JSON.stringify({ nftables: [{ set: { name: 'left6' } }] })}\n\n==> wire <==
on
told came tailscale0 fd7a::9 58 2 0 1280 fd7a::1 3000 fd7a::2 40000
told came tailscale0 100.64.0.2 1 3 13 0 100.64.0.1 3000 100.64.0.2 40000
told came tailscale0 100.64.0.9 1 3 4 1200 100.64.0.1 3000 100.64.0.2 40000
told went tailscale0 100.64.0.1 1 3 3 0 100.64.0.2 40000 100.64.0.1 3000
`,
    [3000],
  );
  expect(watched?.notices.map(({ by, says, mtu }) => [by, says, mtu])).toEqual([
    ['fd7a::9', 'packet too big', 1280],
    ['100.64.0.2', 'administratively prohibited', undefined],
    ['100.64.0.9', 'packet too big', 1200],
  ]);
});

test('a frame to the network card of another machine has passed, and did not arrive', () => {
  const packets = wirePackets('on\npassed eth0 fd7a::2 40000 fd7a::1 3000 2 7 0 0\n') ?? [];
  expect(wireSightings(packets)).toMatchObject([{ hook: 'passed', from: 'fd7a::2', to: 'fd7a::1' }]);
});
