import { describe, expect, test } from 'vitest';
import { judgeConfig, purposeNames } from '../../src/kernel/check/judge.ts';
import { MODULE_NAMES } from '../../src/kernel/check/module-names.ts';
import { KERNEL_PURPOSES } from '../../src/kernel/check/requirements.ts';

const on = (symbols: readonly string[], value = 'y'): string =>
  symbols.map((symbol) => `CONFIG_${symbol}=${value}\n`).join('');

const needed = (profile: keyof typeof KERNEL_PURPOSES): readonly string[] =>
  KERNEL_PURPOSES[profile].requirements.map(({ anyOf: [first = ''] }) => first);

const missing = (text: string, profile: string): readonly string[] =>
  judgeConfig(text, [profile]).verdicts.flatMap((verdict) => verdict.missing.flatMap(({ anyOf }) => anyOf));

describe('check-kernel', () => {
  test('every symbol of a profile is missed, with a reason', () => {
    for (const profile of ['machine', 'tailscale-nftables', 'wireguard', 'postgres'] as const) {
      for (const symbol of needed(profile)) {
        const rest = needed(profile).filter((other) => other !== symbol);
        expect(missing(on(rest), profile)).toContain(symbol);
      }
      expect(missing(on(needed(profile)), profile)).toEqual([]);
    }
    expect(judgeConfig('', ['wireguard']).verdicts[0]?.missing.every(({ reason }) => reason !== '')).toBe(true);
  });

  test('a module is as good, where there are modules', () => {
    expect(missing(`CONFIG_MODULES=y\n${on(needed('wireguard'), 'm')}`, 'wireguard')).toEqual([]);
    expect(missing(on(needed('wireguard'), 'm'), 'wireguard')).toEqual(needed('wireguard'));
  });

  test('a module counts only where its file is, for each option that a profile needs as a module', () => {
    const text = `CONFIG_MODULES=y\n${on(needed('tailscale-nftables'), 'm')}`;
    const all = new Set(Object.values(MODULE_NAMES));
    const judged = (modules: ReadonlySet<string>): readonly string[] =>
      judgeConfig(text, ['tailscale-nftables'], modules).verdicts.flatMap(({ missing }) =>
        missing.flatMap(({ anyOf }) => anyOf),
      );
    expect(judged(new Set([...all].filter((name) => name !== 'tun')))).toContain('TUN');
    expect(judged(all)).not.toContain('TUN');
    const known = Object.values(KERNEL_PURPOSES).flatMap(({ requirements }) =>
      requirements.flatMap(({ anyOf }) => anyOf),
    );
    expect(Object.keys(MODULE_NAMES).filter((symbol) => !known.includes(symbol))).toEqual([]);
  });

  test('any of several symbols will do', () => {
    const old = on(needed('tailscale-iptables')).replace('NETFILTER_XT_TARGET', 'IP_NF_TARGET');
    expect(missing(old, 'tailscale-iptables')).toEqual([]);
  });

  test('legacy tables of linux 6.17 are missed only where that option exists', () => {
    const rest = on(needed('tailscale-iptables').filter((symbol) => symbol !== 'NETFILTER_XTABLES_LEGACY'));
    expect(missing(rest, 'tailscale-iptables')).toEqual([]);
    const off = `${rest}# CONFIG_NETFILTER_XTABLES_LEGACY is not set\n`;
    expect(missing(off, 'tailscale-iptables')).toEqual(['NETFILTER_XTABLES_LEGACY']);
  });

  test('each architecture has its own clock', () => {
    const all = on(needed('avf'));
    expect(missing(`CONFIG_ARM64=y\n${all.replace('CONFIG_RTC_DRV_PL030=y\n', '')}`, 'avf')).toEqual(['RTC_DRV_PL030']);
    expect(missing(`CONFIG_X86_64=y\n${all.replace('CONFIG_RTC_DRV_PL030=y\n', '')}`, 'avf')).toEqual([]);
  });

  test('the version and the architecture are read', () => {
    const text =
      '#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm64 6.12.48 Kernel Configuration\n#\nCONFIG_ARM64=y\n';
    expect(judgeConfig(text, [])).toEqual({ version: '6.12.48', arch: 'arm64', verdicts: [] });
  });

  test('an unknown profile is refused', () => {
    expect(() => purposeNames(['postgre'])).toThrowError(
      expect.objectContaining({ code: 'unknown-profile', hint: 'Did you mean postgres?' }),
    );
    expect(purposeNames([])).toEqual([
      'machine',
      'tailscale-nftables',
      'tailscale-iptables',
      'wireguard',
      'nebula',
      'postgres',
      'memory-limits',
      'avf',
      'containers',
      'working',
    ]);
  });
});
