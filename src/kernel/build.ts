import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Arch } from '../core/arch.ts';
import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { type KernelBuild, runMake } from './build-make.ts';
import { objectIn, plannedObjects } from './build-progress.ts';
import { standInTree } from './build-tree.ts';
import type { Distribution } from './distribute.ts';
import type { MergedFragments } from './fragments.ts';
import { readKconfigTree } from './kconfig/tree.ts';
import type { KernelSource } from './sources/publisher.ts';
import { TARGETS, type Toolchain } from './toolchain.ts';
import { checkDefined, refuseProblems, verifyConfig } from './verify.ts';

export interface KernelPlan {
  readonly arch: Arch;
  readonly source: KernelSource;
  readonly toolchain: Toolchain;
  /** All that is asked for; Kconfig's own defaults are off (allnoconfig). */
  readonly fragments: MergedFragments;
  readonly distribution: Distribution | undefined;
}

/** For the manifest. A type, not an interface: only those are JSON by their index. */
export type KernelFacts = {
  /** As `uname -r` says it. */
  readonly release: string;
  /** How many options are y. */
  readonly symbols: number;
  readonly objects: number;
  readonly compileMs: number;
  readonly ccache: boolean;
};

/**
 * Builds a kernel: `kernel` and `config` in `directory`, for x86_64 `vmlinux` too. Returns facts for the manifest. Every request that the tree cannot fulfil, or
 * that Kconfig dropped, is refused before the compiler starts.
 */
export async function buildKernel(plan: KernelPlan, directory: string, context: Context): Promise<KernelFacts> {
  const tree = await plan.source.tree(context);
  const kconfig = readKconfigTree(tree, plan.arch);
  refuseProblems(checkDefined(plan.fragments.requests, kconfig));
  const folder = join(directory, 'linux');
  await standInTree(tree, folder);
  const ccacheDir = join(context.paths.cache, 'ccache');
  const build: KernelBuild = { arch: plan.arch, toolchain: plan.toolchain, folder, ccacheDir };
  const config = await configure(build, plan.fragments.text, context);
  refuseProblems(verifyConfig(plan.fragments.requests, config, kconfig));
  const started = performance.now();
  const objects = await compile({ ...build, distribution: plan.distribution }, context);
  const compileMs = Math.round(performance.now() - started);
  const { folder: archFolder, image } = TARGETS[plan.arch];
  await cp(join(folder, 'obj/arch', archFolder, 'boot', image), join(directory, 'kernel'));
  if (plan.arch === 'x86_64') await stripSymbols(build, join(directory, 'vmlinux'), context);
  await writeFile(join(directory, 'config'), config);
  const release = (await readFile(join(folder, 'obj/include/config/kernel.release'), 'utf8')).trim();
  await rm(folder, { recursive: true, force: true });
  return { release, symbols: symbolsIn(config), objects, compileMs, ccache: plan.toolchain.hasCcache };
}

/** The final .config that Kconfig makes of a request. Seconds: only Kconfig itself is compiled. */
export async function configure(build: KernelBuild, requested: string, context: Context): Promise<string> {
  context.report({ kind: 'phase', text: 'configures the kernel' });
  const requestFile = join(build.folder, 'obj/requested.config');
  await writeFile(requestFile, requested);
  await runMake(build, [`KCONFIG_ALLCONFIG=${requestFile}`, 'allnoconfig'], context);
  return await readFile(join(build.folder, 'obj/.config'), 'utf8');
}

/** Compiles and links; returns the number of objects compiled. */
async function compile(build: KernelBuild, context: Context): Promise<number> {
  const { cpus } = await context.host.facts();
  context.report({ kind: 'phase', text: 'prepares the kernel build' });
  const alone = { ...build, distribution: undefined };
  await runMake(alone, [`-j${cpus}`, 'prepare'], context);
  const planned = await plannedObjects(alone, cpus, context);
  const total = planned.size > 0 ? planned.size : undefined;
  context.report({ kind: 'phase', text: 'compiles' });
  let done = 0;
  let planDone = 0;
  const jobs = cpus + (build.distribution?.jobs ?? 0);
  await runMake(build, [`-j${jobs}`, TARGETS[build.arch].image], context, (line) => {
    const object = objectIn(line);
    if (line === '  LD      vmlinux.o') context.report({ kind: 'phase', text: 'links the kernel' });
    if (object === undefined) return;
    done += 1;
    if (total !== undefined && !planned.has(object)) return;
    planDone += 1;
    context.report({ kind: 'count', done: planDone, total, unit: 'objects' });
  });
  return done;
}

/**
 * The kernel as an ELF file without its symbol table. QEMU enters it directly (PVH): no 16-bit setup, nothing to decompress, which
 * is a third of the time to init where the processor is emulated.
 */
async function stripSymbols(build: KernelBuild, output: string, context: Context): Promise<void> {
  const argv = [`${build.toolchain.crossCompile}strip`, '-o', output, join(build.folder, 'obj/vmlinux')];
  const { exitCode, stderr } = await context.host.exec(argv, { signal: context.signal });
  if (exitCode === 0) return;
  throw new VmkitError('build', 'kernel-build-failed', `${argv.join(' ')} failed.\n${stderr.trim()}`);
}

function symbolsIn(config: string): number {
  return config.split('\n').filter((line) => line.endsWith('=y')).length;
}
