import type { Context } from '../host/context.ts';
import { BACKUP_FILES, type Manifest, parseManifest } from './manifest.ts';

export interface StoredBackup {
  readonly id: string;
  readonly name: string;
  readonly takenAt: string;
  readonly host: string;
}

export interface SavedBackup {
  readonly id: string;
  /** What it consists of, and what that added to the place where it is, in bytes. */
  readonly bytes: number;
  readonly addedBytes: number;
}

/** A place that backups are saved to and read from. What is there stays whole whatever ends a `save`. */
export interface Repository {
  /** For people, without a password. */
  readonly shown: string;
  /** Saves a folder as a backup of a machine. */
  save(folder: string, machine: Pick<Manifest, 'name' | 'host'>, context: Context): Promise<SavedBackup>;
  /** All backups of all machines, the oldest first. */
  list(context: Context): Promise<readonly StoredBackup[]>;
  readText(id: string, file: string, context: Context): Promise<string>;
  /** All files of a backup, to a folder; holes stay holes. */
  restore(id: string, folder: string, context: Context): Promise<void>;
  /** Forgets a machine's backups but those that the options of `restic forget` keep; absent where there is only one. */
  forget?(name: string, keep: readonly string[], context: Context): Promise<void>;
}

export async function readManifest(repository: Repository, id: string, context: Context): Promise<Manifest> {
  const text = await repository.readText(id, BACKUP_FILES.manifest, context);
  return parseManifest(text, `${repository.shown}, ${id}`);
}
