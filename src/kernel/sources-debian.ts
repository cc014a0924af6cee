import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { sha256OfFile } from '../build/fetch.ts';
import { withFreshFolder } from '../build/fresh-folder.ts';
import { VmkitError } from '../core/errors.ts';
import type { Context } from '../host/context.ts';
import { requireTools } from '../host/tools.ts';
import type { Publisher } from './sources-publisher.ts';

const SUITE = 'trixie';

/** Debian's `linux-source-*` package, on any host with mmdebstrap and Debian's keys. What is verified: apt checks the archive's signature. */
export function debianSource(series: string): Publisher {
  const folder = (context: Context): string => join(context.paths.cache, 'downloads', `debian-linux-source-${series}`);
  return {
    name: 'debian',
    fetch: async (locked, context) => {
      if (locked !== undefined) {
        const path = join(folder(context), `${locked.sha256}.tar.xz`);
        if (existsSync(path) && (await sha256OfFile(path)) === locked.sha256) return { ...locked, path };
      }
      await requireTools(['debian'], context);
      context.report({ kind: 'phase', text: `fetches linux-source-${series} of Debian ${SUITE}` });
      const temporary = join(folder(context), 'unpacking');
      return await withFreshFolder(temporary, `the fetch of linux-source-${series}`, context, async () => {
        const { tarball, version } = await extract(series, temporary, context);
        const sha256 = await sha256OfFile(tarball);
        const path = join(folder(context), `${sha256}.tar.xz`);
        await rename(tarball, path);
        return { version, sha256, verified: "signature of Debian's archive, checked by apt", path };
      });
    },
  };
}

async function extract(
  series: string,
  folder: string,
  context: Context,
): Promise<{ tarball: string; version: string }> {
  const packageName = `linux-source-${series}`;
  const tarball = `${packageName}.tar.xz`;
  const changelog = `usr/share/doc/${packageName}/changelog.Debian.gz`;
  const { facts, exec, read } = context.host;
  const { isRoot } = await facts();
  const result = await exec(debianArgv(packageName, [`usr/src/${tarball}`, changelog], folder, isRoot), {
    withinMs: 1_800_000,
    signal: context.signal,
  });
  if (result.exitCode !== 0) {
    throw new VmkitError(
      'build',
      'mmdebstrap-failed',
      `mmdebstrap could not fetch ${packageName}.\n${endOf(result.stderr)}`,
      {
        hint: 'Is there a network, and does it reach a Debian mirror?',
      },
    );
  }
  const log = await read(join(folder, 'changelog.Debian.gz'));
  return { tarball: join(folder, tarball), version: versionIn(log) ?? series };
}

/**
 * Unpacks a package of the suite, and copies some of its files to `folder`. Nothing of it is run, so the host's processor
 * does not matter. mmdebstrap(1): --variant=extract, copy-out.
 */
export function debianArgv(
  packageName: string,
  files: readonly string[],
  folder: string,
  isRoot: boolean,
): readonly string[] {
  return [
    'mmdebstrap',
    `--mode=${isRoot ? 'root' : 'unshare'}`,
    '--variant=extract',
    `--include=${packageName}`,
    `--extract-hook=copy-out ${files.map((file) => `/${file}`).join(' ')} "${folder}"`,
    '--format=null',
    SUITE,
    '-',
  ];
}

/** The first line of a changelog: `linux (6.12.48-1) trixie; urgency=medium` (deb-changelog(5)). */
function versionIn(changelog: Uint8Array | undefined): string | undefined {
  if (changelog === undefined) return undefined;
  return /^\S+ \(([^)]+)\)/.exec(gunzipSync(changelog).toString('utf8', 0, 200))?.[1];
}

function endOf(text: string): string {
  return text.trimEnd().split('\n').slice(-8).join('\n');
}
