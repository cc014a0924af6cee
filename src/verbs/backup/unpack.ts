import { join } from 'node:path';
import { BACKUP_FILES, type Manifest } from '../../backup/manifest.ts';
import { type Repository, readManifest } from '../../backup/repository.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { applyChanges } from '../../machine/disks/apply-changes.ts';
import { readDataDisk } from '../../machine/disks/ext4-disk.ts';
import { type Identity, readIdentity, writeIdentity } from '../../machine/disks/identity.ts';

/**
 * Restores a backup's files to a folder of its own and looks whether they belong together. The identity forgets what was of another computer. Throws `backup-damaged`,
 * `data-disk-damaged`, `data-disk-truncated`.
 */
export async function unpackBackup(
  repository: Repository,
  id: string,
  folder: string,
  context: Context,
): Promise<{ readonly manifest: Manifest; readonly identity: Identity }> {
  const { host } = context;
  const manifest = await readManifest(repository, id, context);
  await host.remove(folder);
  await host.makeFolder(folder, 0o700);
  context.report({ kind: 'phase', text: `reads ${Math.ceil(manifest.diskBytes / 1024 ** 2)} MiB` });
  await repository.restore(id, folder, context);
  const changes = join(folder, BACKUP_FILES.changes);
  if ((await host.stat(changes)) !== undefined) {
    await applyChanges(changes, join(folder, BACKUP_FILES.disk), context);
    await host.remove(changes);
  }
  const identity = await readIdentity(join(folder, BACKUP_FILES.identity), host);
  const disk = await readDataDisk(join(folder, BACKUP_FILES.disk), context);
  const bytes = (await host.stat(join(folder, BACKUP_FILES.disk)))?.bytes;
  if (identity === undefined || disk?.uuid !== identity.dataDiskUuid || bytes !== manifest.diskBytes) {
    throw new VmkitError('host', 'backup-damaged', `The backup ${id} in ${repository.shown} is not whole.`, {
      hint: 'Take another one: vmkit backups lists them. restic check says more of a repository.',
      details: { bytes, wanted: manifest.diskBytes },
    });
  }
  const { definition: _, uid: __, ...rest } = identity;
  await writeIdentity(join(folder, BACKUP_FILES.identity), rest, host);
  return { manifest, identity: rest };
}
