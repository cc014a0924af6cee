import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VmkitError } from '../../core/errors/errors.ts';
import { DEBIAN_SUITE } from '../../core/suite.ts';
import type { Context } from '../../host/context.ts';
import { requireTools } from '../../host/tools/tools.ts';
import { sha256OfFile } from '../../store/fetch/sha256-of-file.ts';
import { type LockedSource, lockedSource } from '../../store/fetch/source-lock.ts';
import { withFreshFolder } from '../../store/fresh-folder.ts';
import { runMmdebstrap } from '../../store/mmdebstrap.ts';
import type { Publisher, Tarball } from './publisher.ts';

/**
 * Debian's `linux-source-*` package, on any host with mmdebstrap and Debian's keys, root or not. What is verified: apt checks the
 * archive's signature. Debian's archive keeps the newest version only, so the tarball stays in the cache.
 */
export function debianSource(series: string): Publisher {
  return {
    name: 'debian',
    fetch: async (locked, context, { fresh }) => {
      const folder = join(context.paths.cache, 'downloads', `debian-linux-source-${series}`);
      const kept = fresh ? undefined : await findKept(folder, locked, context);
      return kept ?? (await fetchNewest(series, folder, context));
    },
  };
}

/** What a former run has fetched and verified, if it is what is asked for. */
async function findKept(
  folder: string,
  locked: LockedSource | undefined,
  context: Context,
): Promise<Tarball | undefined> {
  const wanted = locked ?? (await readNewest(folder, context));
  if (wanted === undefined) return undefined;
  const path = tarballPath(folder, wanted.sha256);
  return existsSync(path) && (await sha256OfFile(path)) === wanted.sha256 ? { ...wanted, path } : undefined;
}

async function fetchNewest(series: string, folder: string, context: Context): Promise<Tarball> {
  await requireTools(['debian'], context);
  const name = `linux-source-${series}`;
  context.report({ kind: 'phase', text: `fetches ${name} of Debian ${DEBIAN_SUITE}` });
  const temporary = join(folder, 'unpacking');
  return await withFreshFolder(temporary, `the fetch of ${name}`, context, async () => {
    const run = { doing: `Fetching ${name}`, target: '-', isExtractOnly: true };
    await runMmdebstrap(debianArgs(name, temporary), run, context);
    const changelog = await context.host.read(join(temporary, 'changelog.Debian.gz'));
    const tarball = join(temporary, `${name}.tar.xz`);
    if (changelog === undefined || !existsSync(tarball)) {
      throw new VmkitError('build', 'package-changed', `Debian's ${name} does not hold what it used to hold.`, {
        hint: 'Use another source: --source kernel.org, or --source PATH.',
      });
    }
    const source: LockedSource = {
      version: versionIn(changelog) ?? series,
      sha256: await sha256OfFile(tarball),
      verified: "signature of Debian's archive, checked by apt",
    };
    const path = tarballPath(folder, source.sha256);
    await rename(tarball, path);
    await context.host.write(join(folder, 'newest.json'), JSON.stringify(source));
    return { ...source, path };
  });
}

/** The package is unpacked, nothing of it runs, and two of its files are copied to `folder` (mmdebstrap(1), copy-out). */
export function debianArgs(name: string, folder: string): readonly string[] {
  const files = `/usr/src/${name}.tar.xz /usr/share/doc/${name}/changelog.Debian.gz`;
  return ['--variant=extract', `--include=${name}`, `--extract-hook=copy-out ${files} "${folder}"`, '--format=null'];
}

function tarballPath(folder: string, sha256: string): string {
  return join(folder, `${sha256}.tar.xz`);
}

async function readNewest(folder: string, context: Context): Promise<LockedSource | undefined> {
  const text = await context.host.readOurs(join(folder, 'newest.json'));
  return text === undefined ? undefined : lockedSource.parse(JSON.parse(text));
}

/** The first line of a changelog: `linux (6.12.48-1) trixie; urgency=medium` (deb-changelog(5)). */
function versionIn(changelog: Uint8Array): string | undefined {
  return /^\S+ \(([^)]+)\)/.exec(gunzipSync(changelog).toString('utf8', 0, 200))?.[1];
}
