import { join } from 'node:path';
import { BACKUP_FILES } from '../../backup/manifest.ts';
import type { ErrorCode } from '../../core/errors/error-codes.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';
import { withLock } from '../../host/with-lock.ts';
import { decide } from '../../machine/state/leftovers.ts';
import { type LockedMachine, withMachine } from '../../machine/state/machine-lock.ts';
import { requireOff } from '../../machine/state/running.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { withFoldersApart } from '../backup/apart.ts';
import { requireDisk } from '../backup/require-disk.ts';
import { snapshotOf } from '../backup/snapshot.ts';
import { stageBackup } from '../backup/stage.ts';
import { requireOwnMachine } from '../boot/whose-machine.ts';
import type { VerbContext } from '../step.ts';

/** What is done on a copy, in its own words. */
interface Undertaking {
  /** For whoever waits for the lock: `vmkit upgrade forgejo`. */
  readonly command: string;
  /** `before an upgrade`. */
  readonly snapshot: string;
  /** `upgraded`. */
  readonly done: string;
  readonly failed: ErrorCode;
}

/**
 * Changes the data of a machine that is off, on a copy of its disk. `prepare` looks at the machine's own disk, with all locks held. `work` has the copy, in folders
 * apart. Only then the copy takes the disk's place, together with the copy's secrets, and a snapshot keeps what was there. Whatever ends it, the machine is as it was,
 * or wholly the copy. Throws what `prepare` throws, `failed` with what went wrong with the copy, and `machine-running`.
 */
export async function replaceByCopy<Plan, Result>(
  spec: VmSpec,
  { command, snapshot, done, failed }: Undertaking,
  context: VerbContext,
  prepare: (machine: LockedMachine) => Promise<Plan>,
  work: (apart: VerbContext, plan: Plan) => Promise<Result>,
): Promise<{ readonly result: Result; readonly kept: string }> {
  const { name } = spec;
  const paths = machinePaths(context.paths, name);
  await requireDisk(name, paths, context);
  await requireOwnMachine(spec, paths, false, context);
  return withLock(paths.backupLock, command, context, () =>
    withMachine(name, command, context, async (machine) => {
      await requireOff(machine, context);
      const plan = await prepare(machine);
      return withFoldersApart(name, context, async (apart) => {
        await copyMachine(machine, spec, command, apart, context);
        const result = await onCopy(`${name} is not ${done}`, failed, () => work(apart, plan));
        const kept = await snapshotOf(machine, { why: snapshot }, context);
        await takePlace(machine, apart);
        return { result, kept };
      });
    }),
  );
}

/** A guest that does not start, or says no, is no guest of the machine's: what is told of it is told of the copy. */
async function onCopy<T>(what: string, failed: ErrorCode, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof VmkitError) || ['interrupted', 'dump-too-large', failed].includes(error.code)) throw error;
    throw new VmkitError('boot', failed, `${what}: on a copy of its disk that failed. ${error.message}`, {
      hint: 'The machine is as it was, and nothing of the copy is left.',
      cause: error,
    });
  }
}

/** Its disk, identity and secrets, in the folders apart. */
async function copyMachine(
  machine: LockedMachine,
  spec: VmSpec,
  command: string,
  apart: VerbContext,
  context: VerbContext,
): Promise<void> {
  const copy = machinePaths(apart.paths, machine.name);
  await stageBackup(machine, spec, false, context);
  await withMachine(machine.name, command, apart, async () => {
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
