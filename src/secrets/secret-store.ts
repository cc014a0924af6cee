import { join } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';
import { type MachinePaths, machinePaths } from '../core/paths.ts';
import { requirePathPart } from '../core/text/names.ts';
import type { Context } from '../host/context.ts';
import { generateSecret } from '../spec/secrets.ts';
import type { ServiceSecret } from '../spec/service.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { SecretValues } from './secret-tree.ts';

/** The host's file of one secret, 0600: what `boot` names to the person who needs it. */
export function secretFile(paths: MachinePaths, service: string, name: string): string {
  for (const part of [service, name]) requirePathPart(part);
  return join(paths.secretsDir, service, name);
}

/**
 * The machine's secrets: read, and those that are not there yet made, once. An existing file is never written. One that another machine makes is read from
 * there; throws `secret-of-machine-missing` where that was never booted. Call with the machine's lock held.
 */
export async function ensureSecrets(spec: VmSpec, paths: MachinePaths, context: Context): Promise<SecretValues> {
  const values = new Map<string, string>();
  for (const service of spec.services) {
    for (const secret of service.secrets) {
      values.set(`${service.name}/${secret.name}`, await secretValue(secret, service.name, spec.name, paths, context));
    }
  }
  return values;
}

async function secretValue(
  secret: ServiceSecret,
  service: string,
  machine: string,
  paths: MachinePaths,
  context: Context,
): Promise<string> {
  if (secret.from !== undefined) return otherSecret(secret.from, machine, context);
  const file = secretFile(paths, service, secret.name);
  if (secret.given !== undefined) return (await readSecret(file, context)) ?? '';
  if (secret.otherwise !== undefined) return (await readSecret(file, context)) ?? secret.otherwise;
  if (secret.kind !== 'made') return ensureSecret(file, secret.kind, context);
  const made = await readSecret(file, context);
  if (made === undefined) throw new TypeError(`${file} was not made.`);
  return made;
}

/** A secret of this host, if it was made already. */
export async function readSecret(file: string, { host }: Pick<Context, 'host'>): Promise<string | undefined> {
  return (await host.readOurs(file))?.trim();
}

async function ensureSecret(
  file: string,
  kind: Exclude<ServiceSecret['kind'], 'made'>,
  { host }: Context,
): Promise<string> {
  const there = await readSecret(file, { host });
  if (there !== undefined) return there;
  const value = generateSecret(kind, Math.floor(Date.now() / 1000));
  await host.write(file, `${value}\n`, 0o600);
  return value;
}

async function otherSecret(
  { machine, service, name }: NonNullable<ServiceSecret['from']>,
  reader: string,
  { host, paths }: Context,
): Promise<string> {
  const there = await readSecret(secretFile(machinePaths(paths, machine), service, name), { host });
  if (there !== undefined) return there;
  throw new VmkitError(
    'spec',
    'secret-of-machine-missing',
    `${reader} needs the secret ${service}/${name} of the machine ${machine}, which has none of that name.`,
    {
      hint: `Does the definition of ${machine} let ${reader} in? For PostgreSQL: databases: [{ name, owner, from: [ADDRESS] }].`,
    },
  );
}
