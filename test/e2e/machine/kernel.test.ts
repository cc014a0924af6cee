import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Arch } from '../../../src/core/arch.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { resolvePaths } from '../../../src/core/paths.ts';
import type { Context } from '../../../src/host/context.ts';
import { busyboxArtifact } from '../../../src/image/busybox.ts';
import { packCpio } from '../../../src/image/cpio.ts';
import { type KernelOptions, kernelArtifact } from '../../../src/kernel/artifact.ts';
import { configure } from '../../../src/kernel/build.ts';
import { type KernelBuild, runMake } from '../../../src/kernel/build-make.ts';
import { standInTree } from '../../../src/kernel/build-tree.ts';
import { chooseKernel } from '../../../src/kernel/choose-kernel.ts';
import { askCompilers } from '../../../src/kernel/distribute.ts';
import { loadFragments, mergeFragments } from '../../../src/kernel/fragments.ts';
import { resolveSource } from '../../../src/kernel/sources/sources.ts';
import { findToolchain } from '../../../src/kernel/toolchain.ts';
import type { Built } from '../../../src/store/artifact.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../../support/context.ts';
import { startDistccd } from '../../support/hosts/distccd.ts';
import { isAll } from '../../support/run/sampled.ts';

/** Artifacts are shared with all runs and with the other files; what the source is locked to is this file's own. */
let folder: string;
let context: Context;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmkit-test-'));
  context = { ...contextIn(folder), paths: { ...contextIn(folder).paths, cache: resolvePaths().cache } };
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** arm64 is the small profile here, and asked for: it takes ten minutes of two cores; `npm run bench -- sizes` builds the whole one. */
const options = (arch: Arch, fragments: readonly string[] = []): KernelOptions => ({
  arch,
  profile: arch === 'arm64' ? 'small' : 'default',
  fragments,
});

async function built(arch: Arch, within: Context = context): Promise<Built> {
  return await ensureArtifact(await kernelArtifact(options(arch), within), within);
}

const QEMU = {
  x86_64: { program: 'qemu-system-x86_64', args: ['-machine', 'q35', '-cpu', 'max'], console: 'ttyS0' },
  arm64: { program: 'qemu-system-aarch64', args: ['-machine', 'virt', '-cpu', 'cortex-a57'], console: 'ttyAMA0' },
} as const;

/** What the profile `default` has beside what a machine needs, each as a line that only a kernel which does it prints. */
const PROMISES = `busybox mount -t sysfs sysfs /sys
busybox mount -t tracefs tracefs /sys/kernel/tracing
busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
busybox ip link set lo up
cd /sys/kernel/tracing
echo 1 >events/skb/kfree_skb/enable
echo nobody | busybox nc 127.0.0.1 9
echo "dropped: $(busybox grep -o 'reason: NO_SOCKET' trace | busybox head -n 1)"
echo "controllers: $(busybox cat /sys/fs/cgroup/cgroup.controllers)"
echo "congestion: $(busybox cat /proc/sys/net/ipv4/tcp_available_congestion_control)"
echo "pressure: $(busybox head -n 1 /proc/pressure/memory)"
echo "zram: $(busybox cat /sys/block/zram0/comp_algorithm)"
echo "file systems: $(busybox grep -E 'virtiofs|overlay' /proc/filesystems | busybox tr -d '\\n')"
echo "connections: $(busybox wc -l </proc/net/nf_conntrack)"
echo "modules of security: $(busybox dmesg | busybox grep -o 'lsm=.*')"
`;

/** Boots `kernel` with an initramfs of busybox and one script; what the console said. */
async function bootToMarker(arch: Arch, kernel: string, script = ''): Promise<string> {
  const busybox = await ensureArtifact(busyboxArtifact(arch), context);
  const init = `#!/bin/busybox sh
PATH=/bin
busybox mount -t proc proc /proc
echo "marker $(busybox uname -m)"
${script}busybox poweroff -f
`;
  const initramfs = join(folder, `${arch}.cpio`);
  await writeFile(
    initramfs,
    packCpio([
      { kind: 'directory', path: 'proc', mode: 0o755 },
      { kind: 'directory', path: 'sys', mode: 0o755 },
      { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
      { kind: 'file', path: 'bin/busybox', mode: 0o755, content: await readFile(join(busybox.directory, 'busybox')) },
      { kind: 'file', path: 'init', mode: 0o755, content: init },
    ]),
  );
  const { program, args, console } = QEMU[arch];
  const argv = [program, ...args, '-accel', 'tcg', '-m', '256', '-nodefaults', '-display', 'none', '-no-reboot'];
  argv.push(
    '-serial',
    'stdio',
    '-kernel',
    kernel,
    '-initrd',
    initramfs,
    '-append',
    `console=${console} quiet panic=-1`,
  );
  return (await context.host.exec(argv, { withinMs: 120_000 })).stdout;
}

describe('the kernel', () => {
  test('x86_64: builds whole, within its size, and reaches init both ways', async () => {
    const { directory, manifest } = await built('x86_64');
    expect(manifest.outputs['kernel']?.bytes).toBeLessThan(6e6);
    expect(await readFile(join(directory, 'config'), 'utf8')).toContain('CONFIG_NF_TABLES=y');
    expect(await bootToMarker('x86_64', join(directory, 'kernel'))).toContain('marker x86_64');
    const said = await bootToMarker('x86_64', join(directory, 'vmlinux'), PROMISES);
    expect(said).toContain('marker x86_64');
    expect(said).toContain('dropped: reason: NO_SOCKET');
    expect(said).toMatch(/controllers: (?=.*cpuset)(?=.*\bcpu\b)(?=.*\bio\b)(?=.*memory)(?=.*pids)/);
    expect(said).toMatch(/congestion: .*bbr/);
    expect(said).toMatch(/pressure: some avg10=/);
    expect(said).toContain('zram: [lz4]');
    expect(said).toMatch(/file systems: .*virtiofs.*overlay/);
    expect(said).toMatch(/connections: \d/);
    expect(said).toMatch(/modules of security: lsm=lockdown,capability,landlock,yama/);
  });

  test.skipIf(!isAll)(
    'arm64, profile small (VMKIT_TEST_ALL=1): builds whole, within its size, and reaches init',
    async () => {
      const { directory, manifest } = await built('arm64');
      expect(manifest.outputs['kernel']?.bytes).toBeLessThan(11e6);
      expect(await bootToMarker('arm64', join(directory, 'kernel'))).toContain('marker aarch64');
    },
  );

  test('what is built is not built again, and nobody is asked for its source', async () => {
    await built('x86_64');
    const offline: Context = {
      ...context,
      host: {
        ...context.host,
        exec: async (argv, given) => {
          expect(argv[1]).toBe('--version');
          return await context.host.exec(argv, given);
        },
      },
    };
    expect((await built('x86_64', offline)).cached).toBe(true);
    const chosen = await chooseKernel({ arch: 'x86_64', kernel: { kind: 'auto' } }, offline);
    expect(chosen).toMatchObject({ kind: 'vmkit', profile: 'default' });
  });

  test('an option that is gone is refused before the compiler starts, with file, line and what replaced it', async () => {
    const fragment = join(folder, 'mine.config');
    await writeFile(fragment, '# Marks choose routes.\nCONFIG_IP_ROUTE_FWMARK=y\n');
    const commands: string[] = [];
    const watched: Context = {
      ...context,
      host: {
        ...context.host,
        exec: async (argv, given) => {
          commands.push(argv.join(' '));
          return await context.host.exec(argv, given);
        },
      },
    };
    const artifact = await kernelArtifact(options('x86_64', [fragment]), watched);
    await expect(ensureArtifact(artifact, watched)).rejects.toMatchObject({
      kind: 'build',
      message: expect.stringMatching(/mine\.config:2: .*IP_ROUTE_FWMARK/),
    });
    expect(commands.filter((command) => command.includes(' make '))).toEqual([]);
  });

  // The whole tree takes eight minutes where there is no ccache. These parts have what could differ: the time and the
  // builder's name, the configuration as it is packed into the kernel, file names, archives, and a linked object (the vdso).
  const PARTS = ['init/', 'init/version-timestamp.o', 'kernel/configs.o', 'usr/', 'arch/x86/entry/', 'fs/proc/'];

  /** Builds the parts as `buildKernel` does, without the compiler's cache; the SHA-256 of each object. */
  async function partsBuiltIn(folder: string, servers: readonly string[] = []): Promise<Record<string, string>> {
    const [source, found, fragments] = await Promise.all([
      resolveSource(undefined, context),
      findToolchain('x86_64', context),
      loadFragments('default', 'x86_64', [], context.host).then(mergeFragments),
    ]);
    const toolchain = { ...found, hasCcache: false };
    await standInTree(await source.tree(context), folder);
    const distribution = await askCompilers(servers, toolchain, context);
    const build: KernelBuild = { arch: 'x86_64', toolchain, folder, ccacheDir: '', distribution };
    await configure({ ...build, distribution: undefined }, fragments.text, context);
    const { cpus } = await context.host.facts();
    await runMake(build, [`-j${cpus}`, 'prepare'], context);
    await runMake(build, [`-j${cpus}`, ...PARTS], context);
    const obj = join(folder, 'obj');
    const objects = (await Promise.all(PARTS.map((part) => filesBelow(obj, part)))).flat();
    return Object.fromEntries(
      await Promise.all(objects.map(async (path) => [path, sha256(await readFile(join(obj, path)))] as const)),
    );
  }

  test.skipIf(!isAll)(
    'parts of it that are built again, in another folder, later and by two compilers elsewhere, are the same bytes',
    async () => {
      const first = await partsBuiltIn(join(folder, 'one/linux'));
      const second = await partsBuiltIn(join(folder, 'else/where/two/linux'), [
        await startDistccd(),
        await startDistccd(),
      ]);
      expect(Object.keys(first)).toEqual(
        expect.arrayContaining(['init/version-timestamp.o', 'kernel/configs.o', 'arch/x86/entry/vdso/vdso64.so.dbg']),
      );
      expect(second).toEqual(first);
    },
  );

  test.skipIf(!isAll)(
    'the whole of it (VMKIT_TEST_ALL=1), built again in another folder, is the same bytes',
    async () => {
      const first = await built('x86_64');
      const other = contextIn(join(folder, 'elsewhere'));
      await other.host.exec(['mkdir', '-p', other.paths.cache]);
      for (const shared of ['ccache', 'downloads']) {
        await symlink(join(context.paths.cache, shared), join(other.paths.cache, shared));
      }
      const second = await built('x86_64', other);
      expect(second.cached).toBe(false);
      expect(second.manifest.outputs).toEqual(first.manifest.outputs);
    },
  );

  test("a compiler's error is told, with the log; nothing is left in the store", async () => {
    const broken = contextIn(join(folder, 'broken'));
    const options = { arch: 'x86_64', profile: 'default', fragments: [], source: join(folder, 'tree') } as const;
    await context.host.exec(['mkdir', '-p', broken.paths.cache]);
    await symlink(join(context.paths.cache, 'ccache'), join(broken.paths.cache, 'ccache'));
    await brokenTree(join(folder, 'tree'));
    const artifact = await kernelArtifact(options, broken);
    const failure = await ensureArtifact(artifact, broken).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'kernel-build-failed',
      message: expect.stringContaining('init/version.c'),
      hint: expect.stringContaining('logs/kernel-x86_64.log'),
    });
    const left = await broken.host.exec([
      'find',
      join(broken.paths.cache, 'store'),
      '-type',
      'f',
      '-not',
      '-name',
      '*.lock',
    ]);
    expect(left.stdout).toBe('');
  });

  /** The source, with a mistake in a file that is compiled early. */
  async function brokenTree(tree: string): Promise<void> {
    const source = await (await resolveSource(undefined, context)).tree(context);
    await context.host.exec(['cp', '-r', '--symbolic-link', source, tree]);
    const file = join(tree, 'init/version.c');
    const text = await readFile(file, 'utf8');
    await rm(file);
    await writeFile(file, `${text}\nthis is no C;\n`);
  }
});

/** The objects, archives and linked files of a part: of a folder all, otherwise itself. */
async function filesBelow(obj: string, part: string): Promise<string[]> {
  if (!part.endsWith('/')) return [part];
  const names = await readdir(join(obj, part), { recursive: true });
  return names.filter((name) => /\.(o|a|so|so\.dbg)$/.test(name)).map((name) => `${part}${name}`);
}
