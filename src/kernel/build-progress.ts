import type { Context } from '../host/context.ts';
import { type KernelBuild, makeArgv } from './build-make.ts';
import { TARGETS } from './toolchain.ts';

/** What kbuild says of each file that it makes from source: `  CC      init/main.o` (scripts/Kbuild.include, `cmd`). */
const OBJECT = /^ {2}(?:CC|AS|HOSTCC)\s+\S+$/;

export function isObjectLine(line: string): boolean {
  return OBJECT.test(line);
}

/** How many objects a build will make, from make's own dry run; undefined where it cannot tell. */
export async function countObjects(build: KernelBuild, context: Context): Promise<number | undefined> {
  const argv = makeArgv(build, process.env['PATH'] ?? '', ['-n', TARGETS[build.arch].image]);
  const { stdout } = await context.host.exec(argv, { withinMs: 60_000, signal: context.signal });
  // A dry run prints the commands: `set -e;  echo '  CC      init/main.o'; ccache gcc ...`.
  const objects = new Set(stdout.match(/echo ' {2}(?:CC|AS|HOSTCC)\s+[^\s']+'/g));
  return objects.size > 0 ? objects.size : undefined;
}
