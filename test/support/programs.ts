import { join } from 'node:path';
import { ensureArtifact } from '../../src/build/store.ts';
import { resolvePaths } from '../../src/core/paths.ts';
import { componentArtifact } from '../../src/image/component.ts';
import { contextIn } from './context.ts';

/** tailscale and tailscaled for this machine, from the cache of all runs: built already for the guest. */
export async function tailscalePrograms(folder: string): Promise<{ tailscale: string; tailscaled: string }> {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const base = contextIn(folder);
  const context = { ...base, paths: { ...base.paths, cache: resolvePaths().cache } };
  const program = async (name: string): Promise<string> =>
    join((await ensureArtifact(componentArtifact(name, arch), context)).directory, name);
  return { tailscale: await program('tailscale'), tailscaled: await program('tailscaled') };
}
