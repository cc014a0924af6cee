import { join } from 'node:path';
import { BACKUP_FILES } from '../../backup/manifest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';
import { withLock } from '../../host/with-lock.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { decide } from '../../machine/state/leftovers.ts';
import { type LockedMachine, withMachine } from '../../machine/state/machine-lock.ts';
import { requireOff } from '../../machine/state/running.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { cutOff, whileApart, withFoldersApart } from '../backup/apart.ts';
import { requireDisk } from '../backup/require-disk.ts';
import { snapshotOf } from '../backup/snapshot.ts';
import { stageBackup } from '../backup/stage.ts';
import { requireOwnMachine } from '../boot/whose-machine.ts';
import type { VerbContext } from '../step.ts';
import { dataVersions } from './data-versions.ts';
import { planPostgres, upgradePostgres } from './postgres.ts';

export interface Upgraded {
  readonly name: string;
  /** Major versions; undefined where PostgreSQL's data was of the right one. */
  readonly postgres: { readonly from: number; readonly to: number } | undefined;
  /** Services that became ready on the upgraded disk. */
  readonly services: readonly string[];
  /** The snapshot of what was there before. */
  readonly kept: string;
}

/**
 * Brings the data of a machine that is off to what its definition has now. All is done and tried on a copy of its disk, by guests without a network: PostgreSQL's
 * cluster is upgraded, then every service starts until it is ready, and migrates what is its own. Only then the copy takes the disk's place, and a snapshot keeps what
 * was there. Whatever ends it, the machine is as it was, or wholly upgraded. Throws `upgrade-impossible`, `upgrade-failed`, `machine-running`.
 */
export async function upgradeMachine(spec: VmSpec, chosen: ChosenComponents, context: VerbContext): Promise<Upgraded> {
  const { name } = spec;
  const paths = machinePaths(context.paths, name);
  await requireDisk(name, paths, context);
  await requireOwnMachine(spec, paths, false, context);
  const alone = cutOff(spec);
  return withLock(paths.backupLock, `vmkit upgrade ${name}`, context, () =>
    withMachine(name, `vmkit upgrade ${name}`, context, async (machine) => {
      await requireOff(machine, context);
      const plan = planPostgres((await dataVersions(paths.dataDisk, context)).postgres, spec);
      return withFoldersApart(name, context, async (apart) => {
        await copyMachine(machine, spec, apart, context);
        const tried = withoutGuards(alone);
        await onCopy(name, async () => {
          if (plan !== undefined) await upgradePostgres(alone, plan, apart);
          await whileApart(tried, `boot ${name} as it will be`, apart, async () => undefined, chosen);
        });
        const kept = await snapshotOf(machine, { why: 'before an upgrade' }, context);
        await takePlace(machine, apart);
        return { name, postgres: plan, services: tried.services.map((service) => service.name), kept };
      });
    }),
  );
}

/** A guest that does not start, or says no, is no guest of the machine's: what is told of it is told of the copy. */
async function onCopy(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof VmkitError) || ['interrupted', 'upgrade-failed'].includes(error.code)) throw error;
    throw new VmkitError(
      'boot',
      'upgrade-failed',
      `${name} is not upgraded: on a copy of its disk that failed. ${error.message}`,
      {
        hint: 'The machine is as it was, and nothing of the copy is left.',
        cause: error,
      },
    );
  }
}

/** What refuses data of an older version is what an upgrade is for. */
function withoutGuards(spec: VmSpec): VmSpec {
  return { ...spec, services: spec.services.map((service) => ({ ...service, guard: undefined })) };
}

/** Its disk, identity and secrets, in the folders apart. */
async function copyMachine(
  machine: LockedMachine,
  spec: VmSpec,
  apart: VerbContext,
  context: VerbContext,
): Promise<void> {
  const copy = machinePaths(apart.paths, machine.name);
  await stageBackup(machine, spec, context);
  await withMachine(machine.name, `vmkit upgrade ${machine.name}`, apart, async () => {
    await move(machine.paths.stagingDir, copy.incomingDir, context.host);
    await decide(copy, context.host);
  });
}

/** The disk, and secrets that a service was given for the first time: both or none. */
async function takePlace({ name, paths }: LockedMachine, { host, paths: apart }: VerbContext): Promise<void> {
  const copy = machinePaths(apart, name);
  await host.remove(paths.incomingDir);
  await host.makeFolder(paths.incomingDir, 0o700);
  await move(copy.dataDisk, join(paths.incomingDir, BACKUP_FILES.disk), host);
  await move(copy.secretsDir, join(paths.incomingDir, BACKUP_FILES.secrets), host);
  await decide(paths, host);
}

async function move(from: string, to: string, host: Host): Promise<void> {
  const { exitCode, stderr } = await host.exec(['mv', '--', from, to], { withinMs: 4 * 3_600_000 });
  if (exitCode !== 0) throw new VmkitError('host', 'not-writable', `Moving ${from}: ${stderr.trim()}`);
}
