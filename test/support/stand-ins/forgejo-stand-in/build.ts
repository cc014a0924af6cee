import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { sha256 } from '../../../../src/core/digest.ts';
import { resolvePaths } from '../../../../src/core/paths.ts';

/** The stand-in as a static executable for a guest on this machine's architecture, built once per version of its source. Undefined without go. */
export async function buildStandIn(): Promise<string | undefined> {
  const source = import.meta.dirname;
  const names = (await readdir(source)).filter((name) => /\.(go|mod|sum)$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(source, name), 'utf8')));
  const target = join(resolvePaths().cache, 'tests', `forgejo-stand-in-${sha256(texts.join('\0')).slice(0, 16)}`);
  const env = { CGO_ENABLED: '0', GOOS: 'linux', GOFLAGS: '-trimpath -buildvcs=false' };
  // go puts its output in place whole, and does nothing when it is up to date.
  const built = await execa('go', ['build', '-o', target, '.'], { cwd: source, env, reject: false });
  if (built.code === 'ENOENT') return undefined;
  if (built.exitCode !== 0) throw new Error(`The stand-in for Forgejo does not build.\n${built.stderr}`);
  return target;
}
