import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { localHost } from '../../src/host/local/local.ts';
import { type Fragment, loadFragments, mergeFragments } from '../../src/kernel/fragments.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ours = (file: string, text: string): Fragment => ({ file, text, isUsers: false });
const users = (file: string, text: string): Fragment => ({ file, text, isUsers: true });

describe('fragments', () => {
  test("a user's fragment overrides ours, a later one an earlier one, and the place that counts is the last", () => {
    const { requests, text } = mergeFragments([
      ours('net.config', 'CONFIG_TUN=y\nCONFIG_NR_CPUS=64\n'),
      users('mine', 'CONFIG_NR_CPUS=8\n'),
      users('mine-too', '\n# CONFIG_TUN is not set\nCONFIG_NR_CPUS=4\n'),
    ]);
    expect(text).toBe('CONFIG_NR_CPUS=4\n# CONFIG_TUN is not set\n');
    expect(requests).toEqual([
      { symbol: 'NR_CPUS', value: '4', file: 'mine-too', line: 3 },
      { symbol: 'TUN', value: 'n', file: 'mine-too', line: 2 },
    ]);
  });

  test('all contradictions and all unreadable lines are told at once', () => {
    const merge = () =>
      mergeFragments([
        ours('a.config', 'CONFIG_TUN=y\nCONFIG_NR_CPUS=64\n'),
        ours('b.config', 'CONFIG_NR_CPUS=0x40\n# CONFIG_TUN is not set\nTUN=y\n'),
        users('mine', 'CONFIG_TUN=y\nCONFIG_TUN=m\n'),
      ]);
    expect(merge).toThrowError(expect.objectContaining({ code: 'fragments-invalid', exitCode: 2 }));
    expect(merge).toThrowError(
      [
        "The kernel's fragments cannot be merged.",
        'b.config:3: not a setting: TUN=y',
        'b.config:2: asks for # CONFIG_TUN is not set, but a.config:1 for CONFIG_TUN=y',
        'mine:2: asks for CONFIG_TUN=m, but mine:1 for CONFIG_TUN=y',
      ].join('\n'),
    );
  });

  test('the same requests give the same text, in whatever order and with whatever comments', () => {
    const one = mergeFragments([ours('a', '# why\nCONFIG_B=y\n'), ours('b', 'CONFIG_A=y\n')]);
    const other = mergeFragments([ours('b', 'CONFIG_A=y\n\nCONFIG_B=y\n')]);
    expect(one.text).toBe(other.text);
  });

  test.each(['x86_64', 'arm64'] as const)('those that ship can be merged for %s', async (arch) => {
    for (const profile of ['default', 'small']) {
      const { requests } = mergeFragments(await loadFragments(profile, arch, [], localHost()));
      const value = (symbol: string) => requests.find((request) => request.symbol === symbol)?.value;
      expect(value('MODULES')).toBe('n');
      expect(value('IKCONFIG_PROC')).toBe('y');
      expect(value('WIREGUARD')).toBe(profile === 'default' ? 'y' : undefined);
    }
  });

  test('an unknown profile and a missing file are named, with what was meant', async () => {
    await expect(loadFragments('defualt', 'x86_64', [], localHost())).rejects.toMatchObject({
      code: 'unknown-kernel-profile',
      hint: 'Did you mean default?',
    });
    await expect(loadFragments('default', 'x86_64', ['./no.config'], localHost())).rejects.toMatchObject({
      code: 'fragment-missing',
      message: expect.stringContaining('./no.config'),
    });
  });

  test("a user's fragment is named as the user named it", async () => {
    const file = join(await temporaryFolder(), 'mine.config');
    await writeFile(file, 'CONFIG_TUN=y\n');
    expect((await loadFragments('small', 'arm64', [file], localHost())).at(-1)).toEqual(users(file, 'CONFIG_TUN=y\n'));
  });
});
