import { expect, test } from 'vitest';
import type { Dial, Facts, PeerFacts } from '../../src/reach/facts.ts';
import { judge } from '../../src/reach/judge.ts';
import { phoneCommands } from '../../src/reach/look/phone-facts.ts';
import type { WayId } from '../../src/reach/report.ts';
import { causesOf } from '../support/ways/phone-causes.ts';
import { facts } from '../support/ways/probe-facts.ts';

/** As the lab's namespace prints them, with netd's rules of Android 13 to 17 (test/e2e/phone/netd.test.ts). */
const RULES = `0:	from all lookup local
9000:	from all to 192.168.100.0/24 lookup main
9001:	from all iif vmkit0 lookup 1002
9001:	from all iif vmkit0 unreachable
10000:	from all fwmark 0xc0000/0xd0000 lookup 99
31000:	from all fwmark 0/0xffff iif lo lookup 1002
32000:	from all unreachable`;
const FORWARD = `-P FORWARD ACCEPT
-A FORWARD -o vmkit0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i vmkit0 -j ACCEPT
-A FORWARD -j oem_fwd
-A FORWARD -j tetherctrl_FORWARD`;
const WELL = {
  rules: RULES,
  forwarding: '1',
  forward: FORWARD,
  tap: '/sys/class/net/vmkit0/brif/sql',
  doze: 'ACTIVE',
  awake: '',
  links: '',
  app: '',
  ports: '',
  doors: '',
};

/** A machine that no peer reached, on a phone that says this. */
function on(changed: Partial<Record<keyof typeof WELL, string | readonly [number, string]>>): Facts {
  const commands = phoneCommands('sql');
  const observed = Object.entries({ ...WELL, ...changed }).map(([id, said]) => {
    const [exitCode, output] = typeof said === 'string' ? [0, said] : said;
    return [id, { vantage: 'host' as const, command: commands[id] ?? '', output, exitCode }] as const;
  });
  return { ...facts(), peer: undefined, phone: { hasCard: true, observed: new Map(observed) } };
}

test.each<[string, Parameters<typeof on>[0]]>([
  ['phone-tap-outside', { tap: [1, 'ls: /sys/class/net/vmkit0/brif/sql: No such file or directory'] }],
  ['phone-forward-reset', { forwarding: '0' }],
  ['phone-rules-lost', { rules: RULES.replace(/^9001.*\n/gm, '') }],
  ['phone-rules-lost', { rules: RULES.replace(/^9000.*\n/m, '') }],
  ['phone-rules-lost', { forward: '-P FORWARD ACCEPT\n-A FORWARD -j oem_fwd' }],
  // A script that runs machines on phones made it: the phone's own packets leave past its VPN by it, too.
  ['phone-rule-order', { rules: RULES.replace('9000:', '1:	from all lookup main\n9000:') }],
  ['phone-rule-order', { rules: RULES.replace('iif vmkit0 unreachable', 'iif wlan0 lookup 99') }],
  [
    'phone-vpn',
    {
      rules: RULES.replaceAll('1002', '1004').replace(
        '31000:',
        '13000:	from all fwmark 0/0x20000 iif lo uidrange 0-99999 lookup 1004\n31000:',
      ),
    },
  ],
  ['phone-dozes', { doze: 'IDLE' }],
  ['phone-dozes', { doze: 'IDLE_MAINTENANCE', awake: 'PowerManagerService.WakeLocks vmkit' }],
])('%s, with what was seen', (cause, seen) => {
  expect(causesOf(on(seen))).toEqual([cause]);
  const told = judge(on(seen)).flatMap(({ finding, warnings }) => [
    ...(finding === undefined ? [] : [finding]),
    ...warnings,
  ]);
  const found = told.find((each) => each.cause === cause);
  expect(found?.observed).not.toBe('');
  expect(found?.fix).not.toBe('');
});

test('a phone in order, and what it does not tell, are no causes', () => {
  expect(causesOf(on({}))).toEqual([]);
  const silent: readonly [number, string] = [127, 'sh: inaccessible or not found'];
  expect(causesOf(on({ rules: silent, forwarding: silent, forward: silent, doze: silent, awake: silent }))).toEqual([]);
  // Not every VPN is the guests': one for some apps, and one whose table they do not take.
  const vpn = '13000:	from all fwmark 0/0x20000 iif lo uidrange 10100-10100 lookup 1002\n31000:';
  expect(causesOf(on({ rules: RULES.replace('31000:', vpn) }))).toEqual([]);
});

test('what the packets have passed all the same is told beside', () => {
  const seen = { ...on({ rules: RULES.replace('9000:', '1:	from all lookup main\n9000:') }), peer: facts().peer };
  const [verdict] = judge(seen);
  expect(verdict).toMatchObject({ state: 'works', warnings: [expect.objectContaining({ cause: 'phone-rule-order' })] });
});

test('under AVF no way leads to a machine, and it is said what does', () => {
  const verdicts = judge({ ...facts(), phone: { hasCard: false, observed: new Map() } });
  for (const { state, reason } of verdicts) {
    expect(state).toBe('unavailable');
    expect(reason).toContain('no network card');
  }
});

const NODES = (allowed: readonly string[]): string =>
  JSON.stringify({
    TUN: true,
    BackendState: 'Running',
    Self: { TailscaleIPs: ['100.64.0.2'] },
    Peer: { app: { HostName: 'pixel', TailscaleIPs: ['100.64.0.9'], AllowedIPs: ['100.64.0.9/32', ...allowed] } },
  });
const LINKS = '7: tun0    inet 100.64.0.9/32 scope global tun0';
const ROUTE = '192.168.100.2/32';

/** A peer that knows these routes of the phone's app, and dialled. */
function withApp(changed: Parameters<typeof on>[0], allowed: readonly string[], dials: Partial<PeerFacts> = {}): Facts {
  const seen = on({ links: LINKS, app: 'package:/data/app/base.apk', ...changed });
  const peer = facts().peer;
  const nodes = { vantage: 'peer' as const, command: 'tailscale status --json', output: NODES(allowed), exitCode: 0 };
  const via = allowed.length > 0 ? '100.64.0.9' : undefined;
  const dial = via === undefined ? undefined : peer?.dials.get(3000);
  const routed = { prefs: nodes, nodes, acceptsRoutes: true, via, dial };
  const target = { ...seen.target, machine: 'sql', bridgeAddress: '192.168.100.2' };
  return { ...seen, target, peer: peer && { ...peer, routed, ...dials } };
}
const verdictOf = (way: WayId, seen: Facts) => judge(seen).find((each) => each.way === way);

test('a Tailscale app routes: what is missing is named, with what only a person can do', () => {
  const of = (...args: Parameters<typeof withApp>) => verdictOf('phone-app-router', withApp(...args));
  expect(of({ app: '' }, [])?.reason).toBe('the phone has no Tailscale app');
  expect(of({ links: '' }, [])?.finding).toMatchObject({ cause: 'app-not-connected', hop: 'router' });
  const missing = of({}, [])?.finding;
  expect(missing).toMatchObject({ cause: 'app-route-missing', observed: 'AllowedIPs of 100.64.0.9: 100.64.0.9/32' });
  expect(missing?.fix).toContain(`Subnet routing, advertise ${ROUTE}`);
  expect(of({ links: LINKS.replace('.9/', '.8/') }, [])?.finding?.cause).toBe('app-not-known');
  expect(of({}, [ROUTE])).toMatchObject({ state: 'works', address: 'http://192.168.100.2:3000/' });
  // No other host has an app.
  expect(judge(facts()).map(({ way }) => way)).not.toContain('phone-app-router');
});

test("a port at the address of the phone's VPN", () => {
  const of = (changed: Parameters<typeof on>[0], dial?: Dial) =>
    verdictOf('phone-port', withApp(changed, [], { phoneDial: dial }));
  const line = '3000_192.168.100.2_3000';
  expect(of({ links: '' })?.reason).toContain('no app of the phone has a VPN on');
  expect(of({})?.reason).toBe('not set up: vmkit expose sql --via port');
  expect(of({ ports: line, doors: '' })?.finding?.cause).toBe('phone-port-closed');
  const answered = facts().peer?.dials.get(3000);
  expect(of({ ports: line, doors: `100.64.0.9_${line}` }, answered)).toMatchObject({ state: 'works' });
  const wireguard = {
    links: '8: tun1    inet 10.66.0.2/24 scope global tun1',
    ports: line,
    doors: `10.66.0.2_${line}`,
  };
  expect(of(wireguard)).toMatchObject({ state: 'untried', address: 'http://10.66.0.2:3000/' });
  expect(of(wireguard)?.reason).toContain("is no tailnet's");
});
