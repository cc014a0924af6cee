import { describe, expect, test } from 'vitest';
import { parseSubnet } from '../../src/core/addresses/ipv4.ts';
import { type PhoneFacts, type PhoneNetwork, planPhoneNetwork } from '../../src/host/android/phone-network.ts';
import { shellText } from '../../src/host/changes/change.ts';

const network: PhoneNetwork = {
  name: 'vmkit',
  bridge: 'vmkit0',
  subnet: parseSubnet('192.168.100.0/24') ?? { base: 0, bits: 0 },
  egress: 'phone',
  taps: [
    { name: 'sql', meetsOthers: false },
    { name: 'forge', meetsOthers: true },
  ],
};
const facts: PhoneFacts = {
  routes: [],
  rules: { ipv4: '0:\tfrom all lookup local\n31000:\tfrom all fwmark 0/0xffff iif lo lookup wlan0 \n', ipv6: '' },
  hasIpv6: true,
  hasNat6: false,
  tun: 'elsewhere',
  hasDevNet: false,
};
const script = (of: PhoneFacts, way: 'apply' | 'undo', wish: PhoneNetwork = network): string => {
  const changes = planPhoneNetwork(wish, of);
  const ordered = way === 'apply' ? changes : [...changes].reverse();
  return ordered
    .flatMap((change) => [`# ${change.title}`, ...change[way].map((each) => shellText(each, true))])
    .join('\n');
};

describe('the plan of the network of a phone', () => {
  test('is a list of commands that a shell takes, each with its undo', async () => {
    await expect(`${script(facts, 'apply')}\n`).toMatchFileSnapshot('../golden/phone-setup.txt');
    await expect(`${script(facts, 'undo')}\n`).toMatchFileSnapshot('../golden/phone-teardown.txt');
  });

  test('names no uplink, has nothing at pref 1, no default route and no setting of all interfaces', () => {
    for (const each of [facts, { ...facts, hasNat6: true }]) {
      const text = script(each, 'apply') + script(each, 'undo');
      expect(text).not.toMatch(/wlan0|rmnet|rp_filter|settings put|route (add|replace)|pref [0-8]\d{0,3} |pref 1\b/);
      expect(text).not.toMatch(/iptables (?!-w 5)/);
    }
  });

  test('has NAT and forwarding for IPv6 only where the kernel has NAT for it; else guests are told at once that there is no way', () => {
    expect(script(facts, 'apply')).not.toMatch(/^ip6tables/m);
    expect(script(facts, 'apply')).toContain('nowhere');
    const with6 = script({ ...facts, hasNat6: true }, 'apply');
    expect(with6).toMatch(/^ip6tables -w 5 -t nat -A POSTROUTING/m);
    expect(with6).toContain('net/ipv6/conf/all/forwarding');
    expect(script({ ...facts, hasIpv6: false }, 'apply')).not.toMatch(/-6|address add fd/);
  });

  test('leaves /dev/net as it was', () => {
    expect(script({ ...facts, hasDevNet: true }, 'undo')).not.toContain('rmdir');
    expect(script({ ...facts, tun: 'there' }, 'apply')).not.toContain('/dev/net/tun');
  });

  test.each([
    ['9000:\tfrom all to 10.0.0.0/8 lookup main', false],
    ['9001:\tfrom all fwmark 0x1 lookup 5', false],
    ['9001:\tfrom all iif vmkit0a lookup 5', false],
    ['9000:\tfrom all to 192.168.100.0/24 lookup main', true],
    ['9001:\tfrom all iif vmkit0 [detached] lookup wlan0', true],
    ['9002:\tfrom all lookup 5', true],
  ])('a rule %s: its own place or not', (rule, isOurs) => {
    const plan = (): unknown => planPhoneNetwork(network, { ...facts, rules: { ipv4: rule, ipv6: '' } });
    if (isOurs) expect(plan).not.toThrow();
    else expect(plan).toThrow(rule.replace('\t', ' '));
  });
});
