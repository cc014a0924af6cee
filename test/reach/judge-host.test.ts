import { expect, test } from 'vitest';
import type { HostFacts } from '../../src/reach/host/host-facts.ts';
import { judgeHost } from '../../src/reach/host/judge-host.ts';
import { tailscalePrefs, tailscaleStatus } from '../../src/tailnet/tailscale-json.ts';

const RULES = `0:\tfrom all lookup local
5210:\tfrom all fwmark 0x80000/0xff0000 lookup main
5270:\tfrom all lookup 52
32766:\tfrom all lookup main`;
const DAY = 86_400_000;

interface Told {
  readonly status?: Readonly<Record<string, unknown>>;
  readonly self?: Readonly<Record<string, unknown>>;
  readonly prefs?: Readonly<Record<string, unknown>>;
  readonly said?: Readonly<Record<string, readonly [output: string, exitCode?: number]>>;
  readonly clockAhead?: number;
}

/** A computer where all is well, but for this. */
function facts({ status, self, prefs, said, clockAhead = 0 }: Told = {}): HostFacts {
  const outputs: Record<string, readonly [string, number?]> = {
    ...{ status: ['{}'], prefs: ['{}'], tun: [''], rules: [RULES], name: ['100.64.0.1 me'], resolver: [''] },
    ...{
      forward: ['ip_forward:1\nforwarding:1'],
      gro: ['rx-udp-gro-forwarding: on\nrx-gro-list: off'],
      bridges: ['br0'],
    },
    ...said,
  };
  const observed = Object.entries(outputs).map(
    ([id, [output, exitCode = 0]]) => [id, { vantage: 'host' as const, command: id, output, exitCode }] as const,
  );
  return {
    observed: new Map(observed),
    status: tailscaleStatus.parse({
      ...{ TUN: true, BackendState: 'Running', CurrentTailnet: { MagicDNSEnabled: true }, ...status },
      Self: { DNSName: 'me.tailnet.test.', TailscaleIPs: ['100.64.0.1'], ...self },
    }),
    prefs: tailscalePrefs.parse({ ControlURL: 'http://control', NetfilterMode: 2, ...prefs }),
    socket: '/run/x.sock',
    control: {
      vantage: 'host',
      command: 'curl',
      output: 'HTTP 404',
      exitCode: said?.['control'] === undefined ? 0 : 1,
    },
    clockAhead,
  };
}

test('where all is well nothing is told', () => {
  expect(judgeHost(facts({ prefs: { AdvertiseRoutes: ['10.0.0.0/8', 'fd00::/8'] } })).findings).toEqual([]);
});

test('where there is no tailscaled, that is told, and nothing that needs it', () => {
  const nothing: HostFacts = {
    ...facts(),
    status: undefined,
    prefs: undefined,
    control: undefined,
    clockAhead: undefined,
  };
  expect(judgeHost(nothing).findings.map(({ cause }) => cause)).toEqual(['tailscaled-down']);
});

const routes = { AdvertiseRoutes: ['10.0.0.0/8'] };
test.each<[string, Told]>([
  ['not-logged-in', { status: { BackendState: 'NeedsLogin' } }],
  ['node-not-running', { status: { BackendState: 'Stopped' } }],
  ['tun-missing', { status: { TUN: false }, said: { tun: ['no such device', 1] } }],
  ['userspace-chosen', { status: { TUN: false } }],
  [
    'local-rule-moved',
    { said: { rules: [RULES.replace('0:\tfrom all lookup local', '5300:\tfrom all lookup local')] } },
  ],
  ['policy-rules-gone', { said: { rules: ['0:\tfrom all lookup local'] } }],
  ['netfilter-off', { prefs: { NetfilterMode: 0 } }],
  ['control-unreachable', { said: { control: [''] } }],
  ['clock-wrong', { clockAhead: -4_000 }],
  ['key-expired', { self: { KeyExpiry: new Date(Date.now() - DAY).toISOString() } }],
  ['key-expired', { self: { Expired: true } }],
  ['key-expires-soon', { self: { KeyExpiry: new Date(Date.now() + 3 * DAY).toISOString() } }],
  ['names-not-asked', { prefs: { CorpDNS: false }, said: { name: ['', 2] } }],
  ['resolver-broken', { said: { name: ['', 2] } }],
  ['ip-forward-off', { prefs: routes, said: { forward: ['ip_forward:0\nforwarding:1'] } }],
  ['ip-forward-off', { prefs: { AdvertiseRoutes: ['fd00::/8'] }, said: { forward: ['ip_forward:1\nforwarding:0'] } }],
  ['gro-off', { prefs: routes, said: { gro: ['rx-udp-gro-forwarding: off\nrx-gro-list: off'] } }],
  ['stateful-filtering', { prefs: { NoStatefulFiltering: false } }],
])('%s is named, and nothing else', (cause, told) => {
  const { findings } = judgeHost(facts(told));
  expect(findings.map((each) => each.cause)).toEqual([cause]);
  expect(findings[0]?.fix).not.toBe('');
});
