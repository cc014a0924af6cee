import { VmkitError } from '../../core/errors/errors.ts';
import { parseChecksums } from '../../store/fetch/checksums.ts';
import { download, fetchText } from '../../store/fetch/fetch.ts';
import type { HttpLimits } from '../../store/fetch/http.ts';
import type { Publisher } from './publisher.ts';

/** The next link of the chain is near: whoever does not answer quickly is passed over. */
const ASK: Partial<HttpLimits> = { answerMs: 5_000, stallMs: 10_000, attempts: 1 };

/** Releases of a series from kernel.org. What is verified: the tarball against the directory's sha256sums.asc, read over TLS. */
export function kernelOrgSource(series: string, base = 'https://cdn.kernel.org/pub/linux/kernel'): Publisher {
  const folder = `${base}/v${series.split('.')[0]}.x`;
  const urlOf = (version: string): string => `${folder}/linux-${version}.tar.xz`;
  return {
    name: 'kernel.org',
    fetch: async (locked, context) => {
      let wanted = locked;
      if (wanted === undefined) {
        context.report({ kind: 'phase', text: 'asks kernel.org' });
        const url = `${folder}/sha256sums.asc`;
        const sums = await fetchText({ name: 'checksums of kernel.org', url, limits: ASK }, context);
        wanted = newestOf(series, parseChecksums(sums));
        if (wanted === undefined) {
          throw new VmkitError('build', 'checksum-missing', `${url} names no release of linux ${series}.`, {
            hint: 'Open the address in a browser: is it kernel.org that answers?',
          });
        }
      }
      const { version, sha256 } = wanted;
      context.report({ kind: 'phase', text: `downloads linux ${version}` });
      const { path } = await download({ name: `linux ${version}`, url: urlOf(version), sha256 }, context);
      return { ...wanted, path };
    },
  };
}

/** The release with the highest third number. The first of a series has none: linux-6.12.tar.xz. */
function newestOf(
  series: string,
  checksums: ReadonlyMap<string, string>,
): { version: string; sha256: string; verified: string } | undefined {
  let newest: { version: string; sha256: string; patch: number } | undefined;
  for (const [file, sha256] of checksums) {
    const version = /^linux-(\d+\.\d+(?:\.\d+)?)\.tar\.xz$/.exec(file)?.[1];
    if (version === undefined || (version !== series && !version.startsWith(`${series}.`))) continue;
    const patch = Number(version.slice(series.length + 1) || 0);
    if (newest === undefined || patch > newest.patch) newest = { version, sha256, patch };
  }
  if (newest === undefined) return undefined;
  return {
    version: newest.version,
    sha256: newest.sha256,
    verified: 'checksum published in sha256sums.asc, PGP not checked',
  };
}
