import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Arch } from '../../../src/core/arch.ts';
import { messageOf } from '../../../src/core/errors/errors.ts';
import { resolvePaths } from '../../../src/core/paths.ts';
import type { Context } from '../../../src/host/context.ts';
import { configure } from '../../../src/kernel/build.ts';
import { standInTree } from '../../../src/kernel/build-tree.ts';
import { DEAD_ALONE } from '../../../src/kernel/check/dead-alone.ts';
import { isPartner } from '../../../src/kernel/check/find-dead.ts';
import { judgeConfig, purposeNames } from '../../../src/kernel/check/judge.ts';
import { loadFragments, type MergedFragments, mergeFragments } from '../../../src/kernel/fragments.ts';
import { readConfig } from '../../../src/kernel/kconfig/config-text.ts';
import { hasMacro } from '../../../src/kernel/kconfig/expression.ts';
import type { KconfigTree } from '../../../src/kernel/kconfig/kconfig.ts';
import { RENAMED_SYMBOLS } from '../../../src/kernel/kconfig/renamed-symbols.ts';
import { activeSelects, isOffered, kconfigState, promptConditionsOf } from '../../../src/kernel/kconfig/state.ts';
import { readKconfigTree } from '../../../src/kernel/kconfig/tree.ts';
import { resolveSource } from '../../../src/kernel/sources/sources.ts';
import { findToolchain } from '../../../src/kernel/toolchain.ts';
import { checkDefined, refuseProblems, verifyConfig } from '../../../src/kernel/verify.ts';
import { contextIn } from '../../support/context.ts';

/** The whole of linux, as build-kernel takes it: Kconfig's own program says what is right. */
let folder: string;
let context: Context;
let source: string;
const trees = new Map<Arch, KconfigTree>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmkit-test-'));
  context = { ...contextIn(folder), paths: { ...contextIn(folder).paths, cache: resolvePaths().cache } };
  source = await (await resolveSource(undefined, context)).tree(context);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function treeOf(arch: Arch): KconfigTree {
  const tree = trees.get(arch) ?? readKconfigTree(source, arch);
  trees.set(arch, tree);
  return tree;
}

async function requested(profile: string, arch: Arch, own = ''): Promise<MergedFragments> {
  const file = join(folder, 'mine.config');
  await writeFile(file, own);
  return mergeFragments(await loadFragments(profile, arch, [file], context.host));
}

const configs = new Map<string, string>();

/** What allnoconfig makes of a request, asked once each. */
async function finalConfig(arch: Arch, { text }: MergedFragments): Promise<string> {
  const key = `${arch}\n${text}`;
  const config = configs.get(key) ?? (await askKconfig(arch, text));
  configs.set(key, config);
  return config;
}

async function askKconfig(arch: Arch, text: string): Promise<string> {
  const build = await mkdtemp(join(folder, `${arch}-`));
  await standInTree(source, join(build, 'linux'));
  const toolchain = await findToolchain(arch, context);
  return await configure(
    { arch, toolchain, folder: join(build, 'linux'), ccacheDir: join(context.paths.cache, 'ccache') },
    text,
    context,
  );
}

async function refusal(arch: Arch, own: string, profile = 'default'): Promise<string> {
  const fragments = await requested(profile, arch, own);
  const tree = treeOf(arch);
  try {
    refuseProblems(checkDefined(fragments.requests, tree));
    refuseProblems(verifyConfig(fragments.requests, await finalConfig(arch, fragments), tree));
  } catch (error) {
    return messageOf(error).replaceAll(folder, '');
  }
  return 'nothing to refuse';
}

describe.each(['x86_64', 'arm64'] as const)('linux for %s', (arch) => {
  test.each(['default', 'small'])('nothing of the profile %s is lost', async (profile) => {
    const fragments = await requested(profile, arch);
    const config = await finalConfig(arch, fragments);
    refuseProblems(checkDefined(fragments.requests, treeOf(arch)));
    refuseProblems(verifyConfig(fragments.requests, config, treeOf(arch)));
    const { verdicts } = judgeConfig(config, purposeNames([]));
    const satisfied = verdicts.filter(({ isSatisfied }) => isSatisfied).map((verdict) => verdict.profile);
    const ofSmall = ['machine', 'postgres', 'memory-limits', 'avf', 'working'];
    expect(satisfied).toEqual(profile === 'default' ? purposeNames([]) : ofSmall);
  });

  test('we and Kconfig agree on every symbol: what it offers, and what it knows', async () => {
    const tree = treeOf(arch);
    const config = readConfig(await finalConfig(arch, await requested('default', arch)));
    const state = kconfigState(tree, config, []);
    expect([...config.keys()].filter((symbol) => !tree.symbols.has(symbol))).toEqual([]);
    // Kconfig writes a symbol that it offers, whatever its value. What depends on a compiler only it can know.
    const judged = [...tree.symbols.values()].filter(({ name, definitions }) => {
      const conditions = definitions.flatMap((definition) => promptConditionsOf(definition) ?? []);
      return !conditions.some(({ expression }) => hasMacro(expression)) && !tree.selectors.has(name);
    });
    const offered = judged.filter(({ name }) => isOffered(name, state));
    expect(offered.length).toBeGreaterThan(1000);
    expect(offered.filter(({ name }) => !config.has(name)).map(({ name }) => name)).toEqual([]);
    const hidden = judged.filter(({ name }) => config.get(name) === 'n' && !isOffered(name, state));
    // One that has a default although nothing offers it.
    expect(hidden.map(({ name }) => name).filter((name) => name !== 'STRICT_DEVMEM')).toEqual([]);
    expect(activeSelects('NF_NAT_MASQUERADE', state).map(({ selector }) => selector)).toContain('NFT_MASQ');
  });
});

describe('the refusals', () => {
  test('symbols that are gone, each with what replaced it', async () => {
    const own = [...RENAMED_SYMBOLS.keys()].map((symbol) => `CONFIG_${symbol}=y\n`).join('');
    const message = await refusal('x86_64', own);
    expect(message).toContain(`The kernel would lack ${RENAMED_SYMBOLS.size} requests.`);
    expect(message).toContain(
      '/mine.config:1: IP_ROUTE_FWMARK: this linux has no such symbol for x86_64\n' +
        '  rules match marks without it; use IP_MULTIPLE_TABLES instead',
    );
    const replacements = [...RENAMED_SYMBOLS.values()].flatMap((text) => [
      ...(/use (.*) instead/.exec(text)?.[1]?.split(' and ') ?? []),
    ]);
    expect(replacements.filter((symbol) => !treeOf('x86_64').symbols.has(symbol))).toEqual([]);
  });

  test('what is easily dropped, with the chain of what it lacks', async () => {
    const own =
      '# CONFIG_MISC_FILESYSTEMS is not set\n# CONFIG_NETFILTER_XTABLES is not set\nCONFIG_USB_STORAGE=y\n' +
      'CONFIG_OVERLAY_FS=m\nCONFIG_NR_CPUS=100000\n# CONFIG_CRC32 is not set\n';
    const message = await refusal('x86_64', own);
    expect(message).toContain(
      'EROFS_FS=y became n\n  needs MISC_FILESYSTEMS=y (fs/Kconfig:316), which is n (# CONFIG_MISC_FILESYSTEMS is not set at /mine.config:1)',
    );
    expect(message).toMatch(
      /USB_STORAGE=y became n\n {2}needs USB_SUPPORT=y \(.*\), which is n \(nothing asks for it\)/,
    );
    expect(message).toContain('OVERLAY_FS=m: this kernel has no modules, so it would be lost');
    expect(message).toMatch(/NR_CPUS=100000 became \d+\n {2}its range is/);
    expect(message).toMatch(/CRC32=n became y\n {2}.* selects it/);
  });

  test('what Kconfig grants alone and does nothing then, with the partner that it lacks', async () => {
    const own =
      '# CONFIG_VIRTIO_VSOCKETS is not set\n# CONFIG_VSOCKETS_LOOPBACK is not set\nCONFIG_NETFILTER=y\nCONFIG_NETFILTER_ADVANCED=y\nCONFIG_NF_TABLES=y\nCONFIG_NFT_LOG=y\n' +
      '# CONFIG_MEMCG is not set\n# CONFIG_FAIR_GROUP_SCHED is not set\n# CONFIG_CFS_BANDWIDTH is not set\n';
    const message = await refusal('x86_64', own, 'small');
    expect(message).toContain('The kernel would lack 4 requests.');
    for (const dead of [
      /vsock\.config:\d+: CONFIG_VSOCKETS=y does nothing alone: .*\n {2}needs VIRTIO_VSOCKETS or /,
      /mine\.config:5: CONFIG_NF_TABLES=y does nothing alone: .*\n {2}needs NF_TABLES_INET or /,
      /mine\.config:6: CONFIG_NFT_LOG=y does nothing alone: .*\n {2}needs NF_LOG_SYSLOG or NETFILTER_NETLINK_LOG /,
      /cgroups\.config:\d+: CONFIG_CGROUP_SCHED=y does nothing alone: .*\n {2}needs FAIR_GROUP_SCHED or /,
    ])
      expect(message).toMatch(dead);
  });

  test('each of these is in the source: the option, its partners, and the place where it was read', async () => {
    const known = new Set((['x86_64', 'arm64'] as const).flatMap((arch) => [...treeOf(arch).symbols.keys()]));
    for (const { symbol, anyOf, source: places } of DEAD_ALONE) {
      expect(known).toContain(symbol);
      expect(
        [...known].filter((name) => isPartner(name, { anyOf: anyOf.map((each) => each.replace(/:.*/, '')) })),
      ).not.toEqual([]);
      for (const [, path = '', name = ''] of places.matchAll(/(\S+\/[^\s,]+)(?: \((\w+)\))?/g))
        expect(await readFile(join(source, path), 'utf8'), path).toContain(name);
    }
  });
});
