import { join } from 'node:path';
import type { MachinePaths } from '../core/paths.ts';
import type { Context } from '../host/context.ts';
import { generateSecret } from '../spec/secrets.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { SecretValues } from './secret-tree.ts';

/** The host's file of one secret, 0600: what `boot` names to the person who needs it. */
export function secretFile(paths: MachinePaths, service: string, name: string): string {
  return join(paths.secretsDir, service, name);
}

/** The machine's secrets: read, and those that are not there yet made, once. An existing file is never written. Call with the machine's lock held. */
export async function ensureSecrets(spec: VmSpec, paths: MachinePaths, { host }: Context): Promise<SecretValues> {
  const values = new Map<string, string>();
  for (const service of spec.services) {
    for (const { name, kind } of service.secrets) {
      const file = secretFile(paths, service.name, name);
      const there = await host.read(file);
      const value =
        there === undefined
          ? generateSecret(kind, Math.floor(Date.now() / 1000))
          : Buffer.from(there).toString('utf8').trim();
      if (there === undefined) await host.write(file, `${value}\n`, 0o600);
      values.set(`${service.name}/${name}`, value);
    }
  }
  return values;
}
