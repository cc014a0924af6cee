import type { Context } from '../host/context.ts';
import { type KernelBuild, makeArgv } from './build-make.ts';
import { TARGETS } from './toolchain.ts';

/** What kbuild says of each file that it makes from source: `  CC      init/main.o` (scripts/Kbuild.include, `cmd`). */
const OBJECT = /^ {2}(?:CC|AS|HOSTCC) +(\S+\.o)$/;

/** The object that a line of make's output names, if any. */
export function objectIn(line: string): string | undefined {
  return OBJECT.exec(line)?.[1];
}

/**
 * The objects that a build will make, from make's own dry run of a prepared tree. It ends where the objects are linked, since that needs
 * them; so the few that are made after it (the boot code) are not in it. Empty where it tells nothing.
 */
export async function plannedObjects(build: KernelBuild, cpus: number, context: Context): Promise<ReadonlySet<string>> {
  const argv = makeArgv(build, process.env['PATH'] ?? '', ['-n', `-j${cpus}`, TARGETS[build.arch].image]);
  const { stdout } = await context.host.exec(argv, { withinMs: 120_000, signal: context.signal });
  return parseDryRun(stdout);
}

/** Commands as make prints them: `set -e;  echo '  CC      init/main.o'; ccache gcc ...`. The tools in scripts/ were built by `prepare`. */
export function parseDryRun(commands: string): ReadonlySet<string> {
  const objects = [...commands.matchAll(/echo '( {2}[^']+)'/g)].map(([, line = '']) => objectIn(line) ?? '');
  return new Set(objects.filter((object) => object !== '' && !object.startsWith('scripts/')));
}
