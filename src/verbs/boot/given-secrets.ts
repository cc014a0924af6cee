import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';
import { readSecret } from '../../host/read-secret.ts';
import { secretFile } from '../../secrets/secret-store.ts';
import type { Service, ServiceSecret } from '../../spec/service.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { VerbContext } from '../step.ts';
import { mintKeyFor } from '../tailnet/mint-key.ts';

type Given = NonNullable<ServiceSecret['given']>;

interface GivenSecret extends Given {
  readonly service: Service;
  readonly name: string;
}

/**
 * Takes the secrets that a person gives: from the environment (host/read-secret.ts), made by the control server of the tailnet, or asked for at a terminal before
 * the first boot. They are kept, 0600, until they were used. `isFirstBoot`: the machine has no data disk, so nothing on it can stand in for them.
 * Throws `secret-not-given`, `secret-file-open`.
 */
export async function takeGivenSecrets(
  spec: VmSpec,
  paths: MachinePaths,
  isFirstBoot: boolean,
  context: VerbContext,
): Promise<void> {
  for (const secret of givenSecrets(spec)) {
    const file = secretFile(paths, secret.service.name, secret.name);
    const fromEnvironment = await readSecret(secret.variable, context.builder.host);
    const isThere = (await context.host.read(file)) !== undefined;
    const isNeeded = (isFirstBoot || secret.isKept === true) && !isThere;
    const value = fromEnvironment ?? (isNeeded ? await makeOrAsk(secret, spec, context) : undefined);
    if (value !== undefined) await context.host.write(file, `${value}\n`, 0o600);
    else if (isNeeded) throw notGiven(secret, spec.name);
  }
}

/** What was given has been used: the machine knows who it is. */
export async function forgetGivenSecrets(spec: VmSpec, paths: MachinePaths, host: Host): Promise<void> {
  const used = givenSecrets(spec).filter(({ isKept }) => isKept !== true);
  for (const { service, name } of used) await host.remove(secretFile(paths, service.name, name));
}

function givenSecrets(spec: VmSpec): GivenSecret[] {
  return spec.services.flatMap((service) =>
    service.secrets.flatMap(({ name, given }) => (given === undefined ? [] : [{ service, name, ...given }])),
  );
}

/** The key of a node is made where that can be done. */
async function makeOrAsk(
  { service, title, variable }: GivenSecret,
  spec: VmSpec,
  context: VerbContext,
): Promise<string | undefined> {
  const { node } = service;
  const made = node === undefined || variable !== 'TS_AUTHKEY' ? undefined : await mintKeyFor(node, 'boot', context);
  return made ?? context.askSecret(`${title} for ${spec.name}`);
}

function notGiven({ title, variable }: Given, machine: string): VmkitError {
  return new VmkitError('usage', 'secret-not-given', `${machine} needs a ${title}, and none was given.`, {
    hint: `${variable}=file:PATH vmkit boot ${machine}, with it in a file of mode 0600; or boot at a terminal to be asked.${variable === 'TS_AUTHKEY' ? ' docs/tailnet.md: how vmkit makes one itself.' : ''}`,
  });
}
