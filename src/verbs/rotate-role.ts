import { VmkitError } from '../core/errors/errors.ts';
import { GUEST } from '../core/guest-paths.ts';
import { withMachine } from '../machine/state/machine-lock.ts';
import { runningMachines } from '../machine/state/machines.ts';
import { secretFile } from '../secrets/secret-store.ts';
import { loadVm } from '../spec/read/load.ts';
import { generateSecret } from '../spec/secrets.ts';
import { asUser } from '../spec/uid.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { handOverSecrets, restartService } from './hand-over-secrets.ts';
import { runStep, type VerbContext } from './step.ts';

export interface Rotated {
  readonly role: string;
  readonly file: string;
  /** The running machines that have the new password: PostgreSQL's own first. */
  readonly machines: readonly string[];
}

/**
 * A new password for a role of a machine's PostgreSQL: on the host, in the machine, and in all running machines that log in with it, whose services are started
 * again. Killed in the middle, it is done again: the host's file is written first, and every boot takes what it says.
 */
export async function rotateRole(spec: VmSpec, role: string, context: VerbContext): Promise<Rotated> {
  const name = `${role}-password`;
  const roles = spec.services.find((service) => service.name === 'postgres')?.secrets ?? [];
  if (!roles.some((secret) => secret.name === name))
    throw unknownRole(
      spec,
      role,
      roles.map((secret) => secret.name),
    );
  return withMachine(spec.name, `vmkit secrets rotate ${spec.name}`, context, async ({ paths }) => {
    const file = secretFile(paths, 'postgres', name);
    const running = await runningMachines(context);
    const isOn = running.some((state) => state.name === spec.name);
    // Read before anything is written: a definition that cannot be read must not leave its machine with the old password.
    const readers = (
      await Promise.all(
        running.filter(({ needs }) => needs.includes(spec.name)).map((state) => loadVm(state.name, context)),
      )
    ).filter((reader) => readingServices(reader, spec.name, name).length > 0);
    await context.host.write(file, `${generateSecret('password', 0)}\n`, 0o600);
    if (isOn)
      await step(`password of ${role} in ${spec.name}`, context, () =>
        handOverSecrets(spec, APPLY_ROLES, REFUSED, context),
      );
    for (const reader of readers) {
      const restarts = readingServices(reader, spec.name, name).map(restartService);
      await step(`password of ${role} in ${reader.name}`, context, () =>
        handOverSecrets(reader, restarts.join(' && '), REFUSED, context),
      );
    }
    return { role, file, machines: [...(isOn ? [spec.name] : []), ...readers.map((reader) => reader.name)] };
  });
}

const REFUSED = {
  what: 'did not take the new password',
  hint: 'The new password is on the host. Rotate again, or',
};

/** PostgreSQL's check of its readiness gives each role the password of its file. */
const APPLY_ROLES = `HOME=${GUEST.data}/postgres ${asUser('postgres')}${GUEST.services}/postgres/ready`;

function readingServices(reader: VmSpec, machine: string, name: string): string[] {
  return reader.services
    .filter(({ secrets }) => secrets.some(({ from }) => from?.machine === machine && from.name === name))
    .map((service) => service.name);
}

function step(title: string, context: VerbContext, run: () => Promise<void>): Promise<void> {
  return runStep({ title, run }, context);
}

function unknownRole(spec: VmSpec, role: string, names: readonly string[]): VmkitError {
  const roles = names.map((name) => name.replace(/-password$/, ''));
  return new VmkitError('usage', 'unknown-role', `PostgreSQL of ${spec.name} has no role ${role} with a password.`, {
    hint: roles.length === 0 ? 'It has none at all.' : `Roles: ${roles.join(', ')}.`,
  });
}
