import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Programs that compile and link, of any architecture and version. */
const COMPILERS = /^(?:.*-)?(?:gcc|g\+\+|cc|c\+\+|cpp|clang|ld|as|make|ccache|go|rustc)(?:-[\d.]+)?$/;

/** An environment as that of another computer: its own cache, data and state below `folder`, all programs of this one, but no compiler. */
export async function otherComputer(folder: string): Promise<Record<string, string>> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const there = new Set<string>();
  for (const place of (process.env['PATH'] ?? '').split(':')) {
    for (const name of await readdir(place).catch(() => [])) {
      if (COMPILERS.test(name) || there.has(name)) continue;
      there.add(name);
      await symlink(join(place, name), join(bin, name));
    }
  }
  const own = (kind: string): string => join(folder, kind);
  return { PATH: bin, XDG_CACHE_HOME: own('cache'), XDG_DATA_HOME: own('data'), XDG_STATE_HOME: own('state') };
}
