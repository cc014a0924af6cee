import { formatSubnet } from '../../core/addresses/ipv4.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { type Change, type Command, linkExists, ours } from '../changes/change.ts';
import { type BridgeNetwork, bridgeMac, networkAddresses } from '../network/bridge-addresses.ts';
import { type HostRoute, requireFreeSubnet } from '../network/host-routes.ts';
import { type Egress, PREFERENCES, RULE_FUNCTIONS } from './phone-rules.ts';

/** What a phone is to have. Nothing here names an uplink. */
export interface PhoneNetwork extends Pick<BridgeNetwork, 'name' | 'bridge' | 'subnet'> {
  readonly egress: Exclude<Egress, 'nowhere'>;
  readonly taps: readonly PhoneTap[];
}

export interface PhoneTap {
  /** The interface; at most 15 characters. */
  readonly name: string;
  /** Whether its machine may exchange frames with every other one that may. */
  readonly meetsOthers: boolean;
}

export interface PhoneFacts {
  readonly routes: readonly HostRoute[];
  /** What `ip rule` prints, of each family. */
  readonly rules: { readonly ipv4: string; readonly ipv6: string };
  readonly hasIpv6: boolean;
  /** Whether the kernel has NAT for IPv6; most phones have none. */
  readonly hasNat6: boolean;
  /** `there`: /dev/net/tun, which crosvm opens. `elsewhere`: /dev/tun alone, as Android has it. */
  readonly tun: 'there' | 'elsewhere';
  readonly hasDevNet: boolean;
}

/**
 * All changes that give a phone the network of its guests, whether or not they hold already; pure. Each holds, is made and is undone by commands that run as root in
 * /system/bin/sh: the supervisor keeps them true by the very same ones. netd takes away rules and chains when it starts, so all outlive a reboot in the
 * journal. Throws `subnet-taken`, `preference-taken`.
 */
export function planPhoneNetwork(network: PhoneNetwork, facts: PhoneFacts): readonly Change[] {
  requireFreeSubnet(network.subnet, network.bridge, facts.routes);
  requirePreferences(network, facts);
  return [
    ...(facts.tun === 'there' ? [] : [tunLink(facts)]),
    bridge(network, facts),
    ...network.taps.flatMap((tap) => tapChanges(network, tap)),
    ...iptables(network, facts),
    forwarding('ipv4'),
    ...(facts.hasNat6 ? [forwarding('ipv6')] : []),
    rules('ipv4', network, network.egress),
    ...(facts.hasIpv6 ? [rules('ipv6', network, facts.hasNat6 ? network.egress : 'nowhere')] : []),
  ];
}

function lasting(id: string, title: string): Pick<Change, 'id' | 'title' | 'whenFound' | 'outlivesReboot'> {
  return { ...ours(id, title), outlivesReboot: true };
}

/** crosvm opens /dev/net/tun in every release (net_util, tap.rs). Its folder is gone with the link where there was none. */
function tunLink({ hasDevNet }: PhoneFacts): Change {
  return {
    ...lasting('tun', '/dev/net/tun leads to /dev/tun, where Android has it'),
    apply: [shell('mkdir -p /dev/net && ln -s /dev/tun /dev/net/tun')],
    undo: [shell(hasDevNet ? 'rm /dev/net/tun' : 'rm /dev/net/tun && { rmdir /dev/net 2>/dev/null || :; }')],
    isApplied: { argv: ['test', '-L', '/dev/net/tun'], needsRoot: true },
  };
}

function bridge(network: PhoneNetwork, { hasIpv6 }: PhoneFacts): Change {
  const { bridge: name, subnet } = network;
  const { gateway, gateway6 } = networkAddresses(network);
  return {
    ...lasting(`link:${name}`, `bridge ${name} with ${gateway}/${subnet.bits}`),
    apply: [
      {
        argv: [
          'ip',
          'link',
          'add',
          'name',
          name,
          'address',
          bridgeMac(network),
          'type',
          'bridge',
          'mcast_snooping',
          '0',
        ],
      },
      { argv: ['ip', 'address', 'add', `${gateway}/${subnet.bits}`, 'dev', name] },
      ...(hasIpv6 ? [{ argv: ['ip', 'address', 'add', `${gateway6}/64`, 'dev', name, 'nodad'] }] : []),
      { argv: ['ip', 'link', 'set', 'dev', name, 'up'] },
    ],
    undo: [{ argv: ['ip', 'link', 'delete', 'dev', name] }],
    isApplied: linkExists(name),
  };
}

/** Ports that are isolated exchange frames with the phone only (ip-link(8), bridge_slave; Linux 4.18). */
function tapChanges({ bridge: master }: PhoneNetwork, { name, meetsOthers }: PhoneTap): readonly Change[] {
  return [
    {
      ...lasting(`link:${name}`, `TAP ${name}`),
      apply: [
        { argv: ['ip', 'tuntap', 'add', 'dev', name, 'mode', 'tap'] },
        { argv: ['ip', 'link', 'set', 'dev', name, 'addrgenmode', 'none'] },
      ],
      undo: [{ argv: ['ip', 'link', 'delete', 'dev', name] }],
      isApplied: linkExists(name),
    },
    {
      ...lasting(`port:${name}`, `${name} is a port of ${master}`),
      apply: [
        { argv: ['ip', 'link', 'set', 'dev', name, 'master', master] },
        ...(meetsOthers
          ? []
          : [{ argv: ['ip', 'link', 'set', 'dev', name, 'type', 'bridge_slave', 'isolated', 'on'] }]),
        { argv: ['ip', 'link', 'set', 'dev', name, 'up'] },
      ],
      undo: [
        { argv: ['ip', 'link', 'set', 'dev', name, 'down'] },
        { argv: ['ip', 'link', 'set', 'dev', name, 'nomaster'] },
      ],
      isApplied: { argv: ['test', '-e', `/sys/class/net/${master}/brif/${name}`], needsRoot: false },
    },
  ];
}

/**
 * netd drops what is forwarded at the end of its own chains, so vmkit's rules are before them. MASQUERADE takes the address of wherever a packet leaves; so no uplink is named, and on IPv6-only
 * networks none could be: there IPv4 leaves by the translator's interface.
 */
function iptables(network: PhoneNetwork, { hasNat6 }: PhoneFacts): readonly Change[] {
  const { bridge: name } = network;
  const { subnet6 } = networkAddresses(network);
  const subnet = formatSubnet(network.subnet);
  const back = ['-o', name, '-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT'];
  const nat = (own: string): string[] => ['-s', own, '!', '-d', own, '-j', 'MASQUERADE'];
  const both = (program: string, own: string): Change[] => [
    rule(
      `${program}:in`,
      `${program}: packets from ${name} are forwarded`,
      [program, 'filter', '-I', 'FORWARD'],
      ['-i', name, '-j', 'ACCEPT'],
    ),
    rule(
      `${program}:back`,
      `${program}: what comes back to ${name} is forwarded`,
      [program, 'filter', '-I', 'FORWARD'],
      back,
    ),
    rule(`${program}:nat`, `${program}: NAT for ${own}`, [program, 'nat', '-A', 'POSTROUTING'], nat(own)),
  ];
  return [...both('iptables', subnet), ...(hasNat6 ? both('ip6tables', subnet6) : [])];
}

/** `-w`: netd holds the lock of iptables again and again. */
function rule(
  id: string,
  title: string,
  [program, table, add, chain]: readonly [string, string, string, string],
  match: readonly string[],
): Change {
  const argv = (how: string): string[] => [program, '-w', '5', '-t', table, how, chain, ...match];
  return {
    ...lasting(id, title),
    apply: [{ argv: argv(add) }],
    undo: [{ argv: argv('-D') }],
    isApplied: { argv: argv('-C'), needsRoot: true },
  };
}

/**
 * netd switches forwarding on for tethering, and off when tethering ends, whoever else needs it. So it counts as vmkit's also where it is on already, and stays where it is tethering's at the
 * end: then netd's chain has more in it than its own last rule. For IPv6 it takes nothing from the phone: netd sets accept_ra to 2
 * (InterfaceController.cpp), so that routers are heard nevertheless.
 */
function forwarding(family: 'ipv4' | 'ipv6'): Change {
  const key = family === 'ipv4' ? '/proc/sys/net/ipv4/ip_forward' : '/proc/sys/net/ipv6/conf/all/forwarding';
  const program = family === 'ipv4' ? 'iptables' : 'ip6tables';
  const isTethering = `${program} -w 5 -S tetherctrl_FORWARD 2>/dev/null | grep -v -e '^-N' -e '-j DROP$' | grep -q .`;
  return {
    ...lasting(`forwarding:${family}`, `the phone forwards ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`),
    apply: [shell(`echo 1 >${key}`)],
    undo: [shell(`${isTethering} || echo 0 >${key}`)],
    isApplied: { argv: ['cat', key], prints: '1', needsRoot: true },
    whenFound: 'adopt',
  };
}

function rules(family: 'ipv4' | 'ipv6', network: PhoneNetwork, egress: Egress): Change {
  const { subnet6 } = networkAddresses(network);
  const own = family === 'ipv4' ? formatSubnet(network.subnet) : subnet6;
  const args = ['rules', family === 'ipv4' ? '-4' : '-6', network.bridge, own, egress];
  const call = (name: string): string[] => ['sh', '-c', `${RULE_FUNCTIONS}${name} "$@"`, ...args];
  const { toGuests, fromGuests } = PREFERENCES;
  return {
    ...lasting(`rules:${family}`, `${family} rules ${toGuests}, to guests, and ${fromGuests}, from them: ${egress}`),
    apply: [{ argv: call('set_rules') }],
    undo: [{ argv: call('clear_rules') }],
    isApplied: { argv: call('rules_hold'), needsRoot: true },
    whenFound: 'keep',
  };
}

/** Throws `preference-taken` where a rule that is not vmkit's has one of its two places. */
export function requirePreferences(network: PhoneNetwork, { rules: { ipv4, ipv6 } }: Pick<PhoneFacts, 'rules'>): void {
  const own = [
    `${PREFERENCES.toGuests}: from all to ${formatSubnet(network.subnet)} lookup `,
    `${PREFERENCES.toGuests}: from all to ${networkAddresses(network).subnet6} lookup `,
    `${PREFERENCES.fromGuests}: from all iif ${network.bridge} `,
  ];
  const places = Object.values(PREFERENCES).map((preference) => `${preference}:`);
  const lines = `${ipv4}\n${ipv6}`.split('\n').map((line) => `${line.trim().replace(/\s+/g, ' ')} `);
  const strange = lines.find(
    (line) => places.some((place) => line.startsWith(place)) && !own.some((each) => line.startsWith(each)),
  );
  if (strange === undefined) return;
  throw new VmkitError('host', 'preference-taken', `A rule that vmkit did not make has its place: ${strange.trim()}.`, {
    hint: 'Something else routes for guests on this phone. Remove its rule (ip rule del), or stop what made it. Nothing was changed.',
  });
}

function shell(script: string): Command {
  return { argv: ['sh', '-c', script] };
}
