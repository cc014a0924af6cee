/**
 * The rules and chains that Android's netd keeps (system/netd: server/RouteController.h and .cpp, Controllers.cpp, TetherController.cpp), as text for `ip -batch` and
 * iptables-restore. Releases from 13 on have the same places; 12 has others.
 */
export type NetdRelease = '12' | '13' | '17';

/** What the phone is connected to. Tables are numbers: 1000 and the index of the interface. */
export interface Connections {
  /** The default network's tables: one, or two where IPv4 is translated (clat). */
  readonly default: readonly number[];
  readonly vpn?: { readonly table: number; readonly isSecure: boolean; readonly isLockdown?: boolean } | undefined;
  /** A rule for what comes in by a tethered interface. */
  readonly tethered?: { readonly downstream: string; readonly table: number } | undefined;
}

const PLACES = {
  '12': { bypassableVpn: 24000, fallthrough: 26000, unreachable: 28000, default: 29000 },
  '13': { bypassableVpn: 27000, fallthrough: 28000, unreachable: 30000, default: 31000 },
} as const;

/** netId 100 is the default network's, 101 the VPN's. */
export function netdRules(release: NetdRelease, { default: tables, vpn, tethered }: Connections): readonly string[] {
  const at = PLACES[release === '12' ? '12' : '13'];
  const [first] = tables;
  return [
    'pref 10000 fwmark 0xc0000/0xd0000 lookup 99',
    ...(vpn === undefined ? [] : [`pref 12000 iif tun0 lookup 97`]),
    ...(vpn?.isSecure === true ? [`pref 13000 fwmark 0x0/0x20000 iif lo uidrange 0-99999 lookup ${vpn.table}`] : []),
    ...(vpn?.isLockdown === true ? ['pref 14000 fwmark 0x0/0x20000 iif lo uidrange 0-99999 prohibit'] : []),
    ...tables.map((table) => `pref 16000 fwmark 0x10064/0x1ffff iif lo lookup ${table}`),
    ...(vpn === undefined ? [] : [`pref 16000 fwmark 0x10065/0x1ffff iif lo uidrange 0-99999 lookup ${vpn.table}`]),
    'pref 18000 fwmark 0x0/0x10000 lookup 99',
    'pref 19000 fwmark 0x0/0x10000 lookup 98',
    'pref 20000 fwmark 0x0/0x10000 lookup 97',
    ...(tethered === undefined ? [] : [`pref 21000 iif ${tethered.downstream} lookup ${tethered.table}`]),
    ...tables.map((table) => `pref 22000 fwmark 0x64/0x1ffff iif lo lookup ${table}`),
    ...(vpn?.isSecure === false
      ? [`pref ${at.bypassableVpn} fwmark 0x0/0x30000 iif lo uidrange 0-99999 lookup ${vpn.table}`]
      : []),
    ...(vpn === undefined || first === undefined
      ? []
      : [`pref ${at.fallthrough} fwmark 0x65/0xffff iif lo lookup ${first}`]),
    ...tables.map((table) => `pref ${at.default} fwmark 0x0/0xffff iif lo lookup ${table}`),
    'pref 32000 unreachable',
  ];
}

/** What netd leaves of the filter and nat tables when it has started: it flushes FORWARD and others whole, whoever had rules there. */
export function netdChains(family: 'ipv4' | 'ipv6'): string {
  const drop = family === 'ipv4' ? '-A tetherctrl_FORWARD -j DROP\n' : '';
  const chains = ['oem_fwd', 'fw_FORWARD', 'bw_FORWARD', 'tetherctrl_FORWARD'];
  return `*filter
${chains.map((chain) => `:${chain} - [0:0]\n`).join('')}-F FORWARD
${chains.map((chain) => `-F ${chain}\n`).join('')}${chains.map((chain) => `-A FORWARD -j ${chain}\n`).join('')}${drop}COMMIT
`;
}

export const NETD_NAT = `*nat
:oem_nat_pre - [0:0]
:tetherctrl_nat_POSTROUTING - [0:0]
-F PREROUTING
-F POSTROUTING
-F tetherctrl_nat_POSTROUTING
-A PREROUTING -j oem_nat_pre
-A POSTROUTING -j tetherctrl_nat_POSTROUTING
COMMIT
`;

/** What tethering adds before the last rule (enableNat), and takes away. */
export const TETHERING = {
  on: `*filter
-F tetherctrl_FORWARD
-A tetherctrl_FORWARD -i wlan0 -o ap0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A tetherctrl_FORWARD -i ap0 -o wlan0 -m conntrack --ctstate INVALID -j DROP
-A tetherctrl_FORWARD -i ap0 -o wlan0 -j ACCEPT
-A tetherctrl_FORWARD -j DROP
COMMIT
*nat
-A tetherctrl_nat_POSTROUTING -o wlan0 -j MASQUERADE
COMMIT
`,
  off: `*filter
-F tetherctrl_FORWARD
-A tetherctrl_FORWARD -j DROP
COMMIT
*nat
-F tetherctrl_nat_POSTROUTING
COMMIT
`,
} as const;
