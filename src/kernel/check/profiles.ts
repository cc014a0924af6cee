import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import type { Arch } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { packageRoot } from '../../core/package-root.ts';
import { nearest } from '../../core/text/nearest.ts';
import type { Host } from '../../host/host.ts';

const profilesSchema = z.record(z.string(), z.array(z.string()).min(1));

/** Names of the fragments of a profile (kernel-configs/profiles.yaml), the architecture's own one last. */
export async function fragmentNames(profile: string, arch: Arch, host: Pick<Host, 'read'>): Promise<readonly string[]> {
  const path = join(packageRoot(), 'kernel-configs/profiles.yaml');
  const bytes = await host.read(path);
  const profiles = profilesSchema.parse(parse(new TextDecoder().decode(bytes)));
  const fragments = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  if (fragments !== undefined) return [...fragments, arch];
  const names = Object.keys(profiles);
  const meant = nearest(profile, names);
  throw new VmkitError('usage', 'unknown-kernel-profile', `There is no kernel profile ${profile}.`, {
    hint: meant === undefined ? `There are: ${names.join(', ')}.` : `Did you mean ${meant}?`,
  });
}
