import { join } from 'node:path';
import { resolvePaths } from '../../../src/core/paths.ts';
import { componentArtifact } from '../../../src/image/components/component.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../context.ts';

/** Components for this machine, from the cache of all runs; by name. */
export async function hostPrograms(
  names: readonly string[],
  folder: string,
): Promise<Readonly<Partial<Record<string, string>>>> {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const base = contextIn(folder);
  const context = { ...base, paths: { ...base.paths, cache: resolvePaths().cache } };
  const found: Record<string, string> = {};
  for (const name of names) {
    found[name] = join((await ensureArtifact(componentArtifact(name, arch), context)).directory, name);
  }
  return found;
}

/** Built already for the guest. */
export async function tailscalePrograms(folder: string): Promise<{ tailscale: string; tailscaled: string }> {
  const { tailscale = '', tailscaled = '' } = await hostPrograms(['tailscale', 'tailscaled'], folder);
  return { tailscale, tailscaled };
}
