import { join, resolve } from 'node:path';
import { archOf } from '../core/arch.ts';
import type { Context } from '../host/context.ts';
import { componentArtifact, componentVariable } from '../image/components/component.ts';
import { ensureArtifact } from '../store/store.ts';

/**
 * A component that runs on this computer, which `context` is of: as the environment gives it (VMKIT_NEBULA_CERT=PATH), else from its sources. Throws
 * `component-unavailable`.
 */
export async function componentHere(name: string, context: Context): Promise<string> {
  const given = process.env[componentVariable(name)];
  if (given) return resolve(given);
  const { machine } = await context.host.facts();
  const { directory } = await ensureArtifact(componentArtifact(name, archOf(machine) ?? 'x86_64'), context);
  return join(directory, name);
}
