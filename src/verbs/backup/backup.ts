import { parseKeep } from '../../backup/keep.ts';
import type { Manifest } from '../../backup/manifest.ts';
import type { Repository, SavedBackup } from '../../backup/repository.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { withLock } from '../../host/with-lock.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { runStep, type VerbContext } from '../step.ts';
import { clearStaging } from './base.ts';
import { type Checked, checkBackup } from './check.ts';
import { type Counts, countsOf } from './counts.ts';
import { definitionOfMachine } from './own-services.ts';
import { backupTarget, openPlace, rememberTarget } from './place.ts';
import { requireDisk } from './require-disk.ts';
import { stageBackup } from './stage.ts';

export interface BackupOptions {
  readonly to?: string | undefined;
  readonly keep?: string | undefined;
  readonly isChecked?: boolean | undefined;
  /** NAME=PATH: what the check boots with, as `boot` does. */
  readonly components?: readonly string[] | undefined;
}

export interface TakenBackup extends SavedBackup {
  readonly name: string;
  readonly to: string;
  readonly checked: Checked | undefined;
}

/**
 * Backs a machine up, while it runs or not: a copy of its disk at one instant, then all that it consists of into a repository. The machine is locked for the copy
 * only. One backup of a machine at a time; whatever ends it, backups that are there stay whole.
 */
export async function backupMachine(name: string, options: BackupOptions, context: VerbContext): Promise<TakenBackup> {
  const paths = machinePaths(context.paths, name);
  const keep = options.keep === undefined ? undefined : parseKeep(options.keep);
  const target = await backupTarget(options.to, paths, context);
  if (keep !== undefined && target.kind === 'archive') {
    throw new VmkitError('usage', 'bad-usage', 'An archive is one backup: --keep is for a repository.');
  }
  await requireDisk(name, paths, context);
  const spec = await definitionOfMachine(name, context);
  return withLock(paths.backupLock, `vmkit backup ${name}`, context, async () => {
    const repository = await openPlace(target, true, context);
    try {
      const { manifest, counts } = await copyWithCounts(name, spec, options, target.kind === 'restic', context);
      const saved = await save(manifest, repository, context);
      await rememberTarget(target, paths, context);
      await clearStaging(true, paths, context);
      if (keep !== undefined) await forget(name, keep, repository, context);
      const { components = [] } = options;
      const checked =
        counts === undefined
          ? undefined
          : await checkBackup(name, { id: saved.id, counted: counts, components }, repository, context);
      return { name, to: repository.shown, ...saved, checked };
    } finally {
      await clearStaging(true, paths, context);
    }
  });
}

/** Counted before and after: what a client wrote meanwhile may be in the copy, or not. */
async function copyWithCounts(
  name: string,
  spec: VmSpec | undefined,
  { isChecked = false }: BackupOptions,
  mayAdd: boolean,
  context: VerbContext,
): Promise<{ readonly manifest: Manifest; readonly counts: readonly Counts[] | undefined }> {
  const count = async (): Promise<Counts[]> => (isChecked ? await countsOf(name, spec?.services ?? [], context) : []);
  const before = await count();
  const manifest = await runStep(
    {
      title: `copy of the disk of ${name}`,
      run: (inner) => {
        const steps: VerbContext = { ...context, ...inner };
        return withMachine(name, `vmkit backup ${name}`, inner, (machine) => stageBackup(machine, spec, mayAdd, steps));
      },
    },
    context,
  );
  return { manifest, counts: isChecked ? [...before, ...(await count())] : undefined };
}

async function save(manifest: Manifest, repository: Repository, context: VerbContext): Promise<SavedBackup> {
  const { name, host } = manifest;
  const { stagingDir } = machinePaths(context.paths, name);
  return runStep(
    {
      title: `backup of ${name} to ${repository.shown}`,
      run: (inner) => repository.save(stagingDir, { name, host }, inner),
    },
    context,
  );
}

async function forget(
  name: string,
  keep: readonly string[],
  repository: Repository,
  context: VerbContext,
): Promise<void> {
  await runStep(
    { title: `old backups of ${name} forgotten`, run: async (inner) => repository.forget?.(name, keep, inner) },
    context,
  );
}
