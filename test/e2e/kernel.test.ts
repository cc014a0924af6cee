import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Arch } from '../../src/core/arch.ts';
import { resolvePaths } from '../../src/core/paths.ts';
import type { Context } from '../../src/host/context.ts';
import { busyboxArtifact } from '../../src/image/busybox.ts';
import { packCpio } from '../../src/image/cpio.ts';
import { type KernelOptions, kernelArtifact } from '../../src/kernel/artifact.ts';
import { resolveSource } from '../../src/kernel/sources/sources.ts';
import type { Built } from '../../src/store/artifact.ts';
import { ensureArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';

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

/** Boots `kernel` with an initramfs of busybox and one script; what the console said. */
async function bootToMarker(arch: Arch, kernel: string): Promise<string> {
  const busybox = await ensureArtifact(busyboxArtifact(arch), context);
  const init =
    '#!/bin/busybox sh\n/bin/busybox mount -t proc proc /proc\necho "marker $(/bin/busybox uname -m)"\n/bin/busybox poweroff -f\n';
  const initramfs = join(folder, `${arch}.cpio`);
  await writeFile(
    initramfs,
    packCpio([
      { kind: 'directory', path: 'proc', mode: 0o755 },
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
    expect(manifest.outputs['kernel']?.bytes).toBeLessThan(5.5e6);
    expect(await readFile(join(directory, 'config'), 'utf8')).toContain('CONFIG_NF_TABLES=y');
    expect(await bootToMarker('x86_64', join(directory, 'kernel'))).toContain('marker x86_64');
    expect(await bootToMarker('x86_64', join(directory, 'vmlinux'))).toContain('marker x86_64');
  });

  test.skipIf(process.env['VMKIT_TEST_ALL'] === undefined)(
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

  // The compiler's cache is the only thing that the second build shares with the first, so this takes a minute or two and not five.
  // It proves that folders and times leave no trace; that a compiler gives the same object twice is the compiler's promise.
  test('a second build in another folder gives the same bytes', async () => {
    const first = await built('x86_64');
    const other = contextIn(join(folder, 'elsewhere'));
    await other.host.exec(['mkdir', '-p', other.paths.cache]);
    for (const shared of ['ccache', 'downloads']) {
      await symlink(join(context.paths.cache, shared), join(other.paths.cache, shared));
    }
    const second = await built('x86_64', other);
    expect(second.cached).toBe(false);
    expect(second.manifest.outputs).toEqual(first.manifest.outputs);
  });

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
