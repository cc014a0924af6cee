import { describe, expect, test } from 'vitest';
import { DEAD_ALONE } from '../../src/kernel/check/dead-alone.ts';
import { findDead, partnersText } from '../../src/kernel/check/find-dead.ts';
import { judgeConfig } from '../../src/kernel/check/judge.ts';
import { readConfig } from '../../src/kernel/kconfig/config-text.ts';

const dead = (text: string): readonly string[] => findDead(readConfig(text)).map(({ symbol }) => symbol);
const missing = (text: string, profile: string) =>
  judgeConfig(text, [profile]).verdicts.flatMap((each) => each.missing);

/** A line that brings an entry to life. */
const asSetting = (partner: string): string => {
  const [symbol = '', word] = partner.split(':');
  return word === undefined ? `CONFIG_${symbol.replace('*', 'X')}=y\n` : `CONFIG_${symbol}="a,${word},b"\n`;
};

describe('options that do nothing alone', () => {
  test.each(DEAD_ALONE)('$symbol lives by each of its partners', ({ symbol, anyOf }) => {
    const others = DEAD_ALONE.filter((each) => each.symbol === symbol && each.anyOf !== anyOf);
    const rest = others.map((each) => asSetting(each.anyOf[0] ?? '')).join('');
    const text = `CONFIG_LSM=""\nCONFIG_${symbol}=y\n${rest}`;
    expect(dead(text)).toContain(symbol);
    for (const partner of anyOf) expect(dead(`${text}${asSetting(partner)}`)).not.toContain(symbol);
  });

  test('a partner that is a module counts, one that is off does not', () => {
    expect(dead('CONFIG_NFT_LOG=y\n# CONFIG_NF_LOG_SYSLOG is not set\n')).toEqual(['NFT_LOG']);
    expect(dead('CONFIG_NFT_LOG=m\nCONFIG_NF_LOG_SYSLOG=m\n')).toEqual([]);
    expect(dead('# CONFIG_NFT_LOG is not set\n')).toEqual([]);
  });

  test('a list without the word, and no list at all', () => {
    expect(dead('CONFIG_SECURITY_YAMA=y\nCONFIG_LSM="landlock"\n')).toEqual(['SECURITY_YAMA']);
    expect(dead('CONFIG_SECURITY_YAMA=y\n')).toEqual([]);
  });

  test('a long list of partners is cut', () => {
    expect(partnersText({ anyOf: ['A', 'B'] })).toBe('A or B');
    expect(partnersText({ anyOf: ['A', 'B', 'C', 'D', 'E'] })).toBe('A or B or C or D or ...');
    expect(partnersText({ anyOf: ['LSM:yama'] })).toBe('"yama" in LSM');
  });
});

describe('check-kernel', () => {
  test('names the partner that a profile lacks, once', () => {
    const text = judgeConfig('', ['containers'])
      .verdicts[0]?.missing.map(({ anyOf: [first = ''] }) => `CONFIG_${first}=y\n`)
      .join('');
    expect(missing(`${text}CONFIG_BLK_DEV_THROTTLING=y\n`, 'containers')).toEqual([]);
    expect(missing(text ?? '', 'containers')).toMatchObject([
      {
        anyOf: [expect.stringContaining('BLK_DEV_THROTTLING or ')],
        reason: expect.stringContaining('BLK_CGROUP is on'),
      },
    ]);
    // VIRTIO_PCI itself is told; that disks and cards have no bus then is not told beside.
    const machine = missing('CONFIG_VIRTIO_BLK=y\n', 'machine').filter(({ anyOf }) => anyOf[0]?.includes('VIRTIO_PCI'));
    expect(machine).toHaveLength(1);
  });

  test('every option of a kernel is looked at by the profile working, and by no other', () => {
    const text = 'CONFIG_VSOCKETS=y\n';
    expect(missing(text, 'working')).toMatchObject([{ anyOf: [expect.stringContaining('VIRTIO_VSOCKETS')] }]);
    expect(missing(text, 'postgres').filter(({ reason }) => reason.includes('VSOCKETS'))).toEqual([]);
  });
});
