import type { Repository, StoredBackup } from '../../backup/repository.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';

/** The backup of this id, or the newest one of a machine. Throws `backup-missing`, which names those that there are. */
export async function chooseBackup(
  name: string,
  id: string | undefined,
  repository: Repository,
  context: Context,
): Promise<StoredBackup> {
  const all = await repository.list(context);
  const own = all.filter((backup) => backup.name === name);
  const chosen = id === undefined ? own.at(-1) : own.find((backup) => backup.id === id);
  if (chosen !== undefined) return chosen;
  const what = id === undefined ? `no backup of ${name}` : `no backup ${id} of ${name}`;
  const names = [...new Set(all.map((backup) => backup.name))];
  throw new VmkitError('usage', 'backup-missing', `There is ${what} in ${repository.shown}.`, {
    hint:
      own.length > 0
        ? `Its backups: ${own.map((backup) => backup.id).join(', ')}.`
        : `Machines with backups there: ${names.join(', ') || 'none'}.`,
  });
}
