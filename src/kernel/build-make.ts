import { join } from 'node:path';
import type { Arch } from '../core/arch.ts';
import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { type Distribution, distccEnvironment } from './distribute.ts';
import { TARGETS, type Toolchain } from './toolchain.ts';

/** The same in every kernel that vmkit builds, so that equal inputs give equal bytes (Documentation/kbuild/reproducible-builds.rst). */
const FIXED = {
  KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
  KBUILD_BUILD_VERSION: '1',
  KBUILD_BUILD_USER: 'vmkit',
  KBUILD_BUILD_HOST: 'vmkit',
  // Set but empty: no `+` for a tree that is not at a tag (scripts/setlocalversion).
  LOCALVERSION: '',
};

/** Where and with what make runs. */
export interface KernelBuild {
  readonly arch: Arch;
  readonly toolchain: Toolchain;
  /** The folder that stands for the source tree; `obj` below it takes what is built. */
  readonly folder: string;
  readonly ccacheDir: string;
  /** Other computers that compile as well. */
  readonly distribution?: Distribution | undefined;
}

/**
 * The command line of make. Nothing of the caller's environment reaches it but PATH: KCFLAGS, MAKEFLAGS or CCACHE_* of a user's
 * shell would change the kernel, or lose the cache, unseen.
 */
export function makeArgv(build: KernelBuild, path: string, args: readonly string[]): readonly string[] {
  const { crossCompile, hasCcache } = build.toolchain;
  const { distribution } = build;
  const launcher = hasCcache ? 'ccache ' : '';
  const compiler = distribution === undefined || hasCcache ? launcher : 'distcc ';
  const environment = {
    PATH: path,
    LC_ALL: 'C',
    TZ: 'UTC',
    // Depend mode (ccache(1)): the headers come from the dependency file that kbuild asks for anyway, so a miss costs no extra preprocessor run.
    ...(hasCcache
      ? { CCACHE_DIR: build.ccacheDir, CCACHE_MAXSIZE: '2G', CCACHE_CONFIGPATH: '/dev/null', CCACHE_DEPEND: '1' }
      : {}),
    ...(distribution === undefined ? {} : distccEnvironment(distribution)),
    ...(distribution !== undefined && hasCcache ? { CCACHE_PREFIX: 'distcc' } : {}),
  };
  const variables = {
    O: join(build.folder, 'obj'),
    ARCH: TARGETS[build.arch].arch,
    CROSS_COMPILE: crossCompile,
    CC: `${compiler}${crossCompile}gcc`,
    HOSTCC: `${launcher}gcc`,
    ...FIXED,
  };
  return ['env', '-i', ...words(environment), 'make', '-C', build.folder, ...words(variables), ...args];
}

/** Runs make; what it says goes to `onLine`. Throws `kernel-build-failed` with the compiler's words and the path of the whole log. */
export async function runMake(
  build: KernelBuild,
  args: readonly string[],
  context: Context,
  onLine?: (line: string) => void,
): Promise<string> {
  const lines: string[] = [];
  const result = await context.host.exec(makeArgv(build, process.env['PATH'] ?? '', args), {
    withinMs: 4 * 3_600_000,
    signal: context.signal,
    onLine: (line) => {
      lines.push(line);
      onLine?.(line);
    },
  });
  if (result.exitCode === 0) return result.stdout;
  const log = join(context.paths.cache, 'logs', `kernel-${build.arch}.log`);
  await context.host.write(log, `${lines.join('\n')}\n`);
  throw new VmkitError(
    'build',
    'kernel-build-failed',
    `make ${args.join(' ')} failed.\n${tellingLines(lines).join('\n')}`,
    {
      hint: `The whole log: ${log}`,
      details: { log, exitCode: result.exitCode },
    },
  );
}

/** With several jobs, the compiler's message stands above what the other jobs said last. */
export function tellingLines(lines: readonly string[]): readonly string[] {
  const told = lines.filter((line) => /(\berror:|\*\*\* |undefined reference|fatal:|Killed|No space left)/.test(line));
  return told.length > 0 ? told.slice(0, 20) : lines.slice(-20);
}

function words(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}
