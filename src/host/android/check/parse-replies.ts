/** Pure readers of what Android's programs print. */

/** `[ro.build.version.release]: [16]` (getprop). */
export function parseProperties(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^\[([^\]]+)\]: \[(.*)\]$/gm)].map(([, name = '', value = '']) => [name, value]));
}

/** Whom modules fit, `android15-6.6`; undefined for a kernel that is not Google's generic one, which would say `6.6.50-android15-8-...` (source.android.com, GKI versioning). */
export function parseKmi(release: string): string | undefined {
  const [, version, android] = /^(\d+\.\d+)(?:\.\d+)?-(android\d+)/.exec(release) ?? [];
  return android === undefined ? undefined : `${android}-${version}`;
}

export type Kind = 'yes' | 'no' | 'unknown';

/** Which machines `vm info` says there can be; Android 13 says `unprotected` (android/vm/src/main.rs, command_info). */
export function parseVmInfo(text: string): { readonly unprotected: Kind; readonly isProtected: Kind } {
  if (/Both protected and (non-|un)protected VMs are supported/.test(text))
    return { unprotected: 'yes', isProtected: 'yes' };
  if (/Only protected VMs are supported/.test(text)) return { unprotected: 'no', isProtected: 'yes' };
  if (/Only (non-|un)protected VMs are supported/.test(text)) return { unprotected: 'yes', isProtected: 'no' };
  if (/VMs are not supported/.test(text)) return { unprotected: 'no', isProtected: 'no' };
  return { unprotected: 'unknown', isProtected: 'unknown' };
}

/** How many machines `vm list` shows: each is a block with its cid. */
export function countMachines(text: string): number {
  return [...text.matchAll(/\bcid:/g)].length;
}

/** netd's rules (system/netd, server/RouteController.h). */
export interface NetdRules {
  /** Of the rule for packets that chose no network: 31000, 29000 on Android 12. */
  readonly defaultTable: { readonly table: string; readonly line: string } | undefined;
  /** A VPN that apps have to take (13000) or may leave (24000, 27000). */
  readonly vpn: string | undefined;
  /** What a hotspot or a cable gives away (21000). */
  readonly tethering: string | undefined;
  /** Whose rules are where vmkit's go. */
  readonly taken: readonly string[];
  /** Whether netd is there at all. */
  readonly isNetd: boolean;
}

const OWN_PREFERENCES = ['9000', '9001'];

/** Of what `ip -4 rule` prints: `31000:	from all fwmark 0x0/0xffff iif lo lookup 1030`. `bridge`: vmkit's own, whose rules are no stranger's. */
export function parseRules(text: string, bridge: string, subnet: string): NetdRules {
  const rules = [...text.matchAll(/^(\d+):\s+(.*)$/gm)].map(([line, preference = '', what = '']) => ({
    line: line.replace(/\s+/g, ' ').trim(),
    preference,
    what,
  }));
  const lineOf = (test: (rule: (typeof rules)[number]) => boolean): string | undefined => rules.find(test)?.line;
  const isDefault = /^from all fwmark (?:0|0x0)\/0xffff iif lo lookup (\S+)/;
  const found = rules.find(({ preference, what }) => ['31000', '29000'].includes(preference) && isDefault.test(what));
  const isOurs = (what: string): boolean =>
    what.startsWith(`from all iif ${bridge} `) || what.startsWith(`from all to ${subnet} `);
  return {
    defaultTable: found && { table: isDefault.exec(found.what)?.[1] ?? '', line: found.line },
    vpn: lineOf(({ preference, what }) => /^(13|24|27)000$/.test(preference) && / uidrange .* lookup /.test(what)),
    tethering: lineOf(({ preference, what }) => preference === '21000' && / iif \S+ lookup /.test(what)),
    taken: rules
      .filter(({ preference, what }) => OWN_PREFERENCES.includes(preference) && !isOurs(what))
      .map(({ line }) => line),
    isNetd:
      rules.some(({ preference }) => preference === '32000') && rules.some(({ preference }) => preference === '10000'),
  };
}

/** Which chains drop what is forwarded, of `iptables -S`: a policy, or a rule of a chain that FORWARD leads to. */
export function droppingChains(text: string): readonly string[] {
  const jumps = new Map<string, string[]>();
  const drops = new Set<string>();
  for (const line of text.split('\n')) {
    const [, policy, target] = /^-P (\S+) (\S+)/.exec(line) ?? [];
    if (policy === 'FORWARD' && target === 'DROP') drops.add('FORWARD (policy)');
    const [, chain = '', to = ''] = /^-A (\S+) .*-j (\S+)/.exec(line) ?? [];
    if (chain === '') continue;
    if (to === 'DROP' || to === 'REJECT') drops.add(chain);
    jumps.set(chain, [...(jumps.get(chain) ?? []), to]);
  }
  const reached = new Set<string>(['FORWARD (policy)']);
  const visit = (chain: string): void => {
    if (reached.has(chain)) return;
    reached.add(chain);
    jumps.get(chain)?.forEach(visit);
  };
  visit('FORWARD');
  return [...drops].filter((chain) => reached.has(chain));
}

/** `  level: 80` and `  USB powered: true` (dumpsys battery). */
export function parseBattery(text: string): { readonly level: number; readonly isCharging: boolean } | undefined {
  const level = /^\s*level: (\d+)$/m.exec(text)?.[1];
  if (level === undefined) return undefined;
  return { level: Number(level), isCharging: /^\s*(AC|USB|Wireless|Dock) powered: true$/m.test(text) };
}

const THERMAL = ['none', 'light', 'moderate', 'severe', 'critical', 'emergency', 'shutdown'];

/** `Thermal Status: 0` (dumpsys thermalservice; android.os.PowerManager, THERMAL_STATUS_*). */
export function parseThermal(text: string): { readonly status: number; readonly name: string } | undefined {
  const status = /^Thermal Status: (\d)$/m.exec(text)?.[1];
  return status === undefined ? undefined : { status: Number(status), name: THERMAL[Number(status)] ?? status };
}

/** `MemAvailable:   123 kB`, in MiB. */
export function availableMib(meminfo: string): number | undefined {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  return kib === undefined ? undefined : Math.floor(Number(kib) / 1024);
}

/** The fourth column of `df -Pk`, in MiB. */
export function freeMib(df: string): number | undefined {
  const kib = /^\S+\s+\d+\s+\d+\s+(\d+)\s+\d+%/m.exec(df)?.[1];
  return kib === undefined ? undefined : Math.floor(Number(kib) / 1024);
}

/** Devices of which `ls -ld` printed a line; links too: `/dev/net/tun -> /dev/tun`. */
export function parseDevices(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^[cl][rwx-]{9}.* (\/dev\/\S+)(?: -> \S+)?$/gm)].map(([line, path = '']) => [path, line]),
  );
}
