import { basename, dirname } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { explainWriteError } from '../host/local/files/write-error.ts';
import { BACKUP_FILES } from './manifest.ts';
import { type Repository, readManifest } from './repository.ts';

const LONGEST_MS = 24 * 3_600_000;

/** `$1` the file, `$2` the folder, the rest its names. The old file stays until the new one is whole and on the disk. */
const SAVE = `set -e
umask 077
file=$1 folder=$2
shift 2
mkdir -p -- "$(dirname -- "$file")"
trap 'rm -f -- "$file.new"' EXIT
tar --zstd --sparse --owner=0 --group=0 -C "$folder" -cf "$file.new" -- "$@"
sync -- "$file.new"
mv -f -- "$file.new" "$file"
sync -- "$(dirname -- "$file")"`;

/** A backup as one file that tar and zstd read, whoever has it: it is not encrypted, and it holds the machine's secrets (mode 0600). */
export function archive(file: string): Repository {
  const own: Repository = {
    shown: file,
    save: async (folder, _machine, context) => {
      // The manifest first: it is read without the rest.
      const last: readonly string[] = [BACKUP_FILES.disk];
      const others = ((await context.host.list(folder)) ?? []).filter((name) => name !== BACKUP_FILES.manifest);
      const names = [BACKUP_FILES.manifest, ...others.filter((name) => !last.includes(name)).sort(), ...last];
      await run(['sh', '-c', SAVE, 'sh', file, folder, ...names], file, context);
      const bytes = (await context.host.stat(`${folder}/${BACKUP_FILES.disk}`))?.bytes ?? 0;
      return { id: basename(file), bytes, addedBytes: (await context.host.stat(file))?.bytes ?? 0 };
    },
    list: async (context) => {
      if ((await context.host.stat(file)) === undefined) throw missing(file);
      const { name, takenAt, host } = await readManifest(own, basename(file), context);
      return [{ id: basename(file), name, takenAt, host }];
    },
    readText: (_id, name, context) => run(['tar', '--zstd', '--occurrence=1', '-xOf', file, name], file, context),
    restore: async (_id, folder, context) => {
      await run(['tar', '--zstd', '--no-same-owner', '-C', folder, '-xf', file], file, context);
    },
  };
  return own;
}

async function run(argv: readonly string[], file: string, context: Context): Promise<string> {
  const { host, signal } = context;
  const { exitCode, stdout, stderr } = await host.exec(argv, { withinMs: LONGEST_MS, signal });
  if (exitCode === 0) return stdout;
  const failure = new VmkitError('host', 'backup-target-failed', `${file}: ${stderr.trim()}`, {
    hint: 'Is it an archive of vmkit, and is there room beside it? An older one of that name is as it was.',
  });
  throw await explainWriteError(failure, `Writing ${file}`, dirname(file), 'Make room there.', host.freeBytes);
}

function missing(file: string): VmkitError {
  return new VmkitError('usage', 'backup-missing', `There is no archive ${file}.`, {
    hint: 'vmkit backup NAME --to FILE.tar.zst makes one.',
  });
}
