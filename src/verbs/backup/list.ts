import type { StoredBackup } from '../../backup/repository.ts';
import { machinePaths } from '../../core/paths.ts';
import type { VerbContext } from '../step.ts';
import { backupTarget, openPlace } from './place.ts';

export interface ListedBackups {
  readonly from: string;
  readonly backups: readonly StoredBackup[];
}

/** The backups in a place, of one machine or of all, the oldest first. */
export async function listBackups(
  name: string | undefined,
  from: string | undefined,
  context: VerbContext,
): Promise<ListedBackups> {
  const paths = name === undefined ? undefined : machinePaths(context.paths, name);
  const repository = await openPlace(await backupTarget(from, paths, context), false, context);
  const all = await repository.list(context);
  return { from: repository.shown, backups: all.filter((backup) => name === undefined || backup.name === name) };
}
