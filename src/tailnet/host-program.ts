import { join, resolve } from 'node:path';
import type { Context } from '../host/context.ts';
import { componentArtifact, componentVariable } from '../image/components/component.ts';
import { ensureArtifact } from '../store/store.ts';

/** A component that runs on this host: as the environment gives it (VMKIT_NEBULA_CERT=PATH), else from its sources. Throws `component-unavailable`. */
export async function hostProgram(name: string, context: Context): Promise<string> {
  const given = process.env[componentVariable(name)];
  if (given) return resolve(given);
  const { machine } = await context.host.facts();
  const { directory } = await ensureArtifact(
    componentArtifact(name, machine === 'aarch64' ? 'arm64' : 'x86_64'),
    context,
  );
  return join(directory, name);
}
