import { join } from 'node:path';
import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import { safeJson } from '../../core/text/json.ts';
import { shellCommand } from '../../core/text/shell-quote.ts';
import type { Context } from '../../host/context.ts';
import { BACKUP_FILES } from '../manifest.ts';
import type { Repository, SavedBackup, StoredBackup } from '../repository.ts';
import { type ResticPlace, resticArgv, resticEnvironment, resticFailed, runRestic } from './run-restic.ts';
import { endsWithoutProgress } from './without-progress.ts';

/** Backups of one machine have this tag and its name. */
const TAG = 'vmkit:';

const said = z.discriminatedUnion('message_type', [
  z.object({
    message_type: z.literal('status'),
    bytes_done: z.number().default(0),
    total_bytes: z.number().default(0),
  }),
  z.object({
    message_type: z.literal('summary'),
    snapshot_id: z.string(),
    data_added: z.number(),
    total_bytes_processed: z.number(),
  }),
]);

const snapshots = z.array(
  z.object({ short_id: z.string(), time: z.string(), hostname: z.string(), tags: z.array(z.string()).default([]) }),
);

/** restic (https://restic.net): encrypted, each piece of data once, and a backup is there only once all of it is. */
export function resticRepository(place: ResticPlace): Repository {
  return {
    shown: place.target.url,
    save: (folder, machine, context) => save(place, folder, machine, context),
    list: (context) => list(place, context),
    readText: (id, file, context) => runRestic(place, ['dump', id, `/${file}`], context),
    restore: (id, folder, context) => restore(place, id, folder, context),
    forget: async (name, keep, context) => {
      await runRestic(place, ['forget', '--tag', TAG + name, '--group-by', 'tags', ...keep, '--prune'], context);
    },
  };
}

async function save(
  place: ResticPlace,
  folder: string,
  { name, host }: { readonly name: string; readonly host: string },
  context: Context,
): Promise<SavedBackup> {
  // Removes locks of those that were killed, no others.
  await runRestic(place, ['unlock'], context);
  let saved: SavedBackup | undefined;
  const watch = endsWithoutProgress(context.signal);
  try {
    await runRestic(place, ['backup', '--json', '--tag', TAG + name, '--host', host, '.'], context, {
      cwd: folder,
      signal: watch.signal,
      onLine: (line) => {
        const { data } = said.safeParse(safeJson(line));
        if (data?.message_type === 'summary') {
          saved = { id: data.snapshot_id.slice(0, 8), bytes: data.total_bytes_processed, addedBytes: data.data_added };
        } else if (data !== undefined) {
          watch.saw(data.bytes_done);
          context.report({ kind: 'count', done: data.bytes_done, total: data.total_bytes, unit: 'bytes' });
        }
      },
    });
  } catch (error) {
    throw watch.isEnded() ? stalled(place) : error;
  } finally {
    watch.release();
  }
  if (saved === undefined) throw resticFailed(place, 'backup', 'it said no snapshot');
  return saved;
}

async function list(place: ResticPlace, context: Context): Promise<readonly StoredBackup[]> {
  const text = await runRestic(place, ['snapshots', '--json', '--no-lock'], context);
  return snapshots.parse(safeJson(text)).flatMap(({ short_id, time, hostname, tags }) => {
    const name = tags.find((tag) => tag.startsWith(TAG))?.slice(TAG.length);
    return name === undefined ? [] : [{ id: short_id, name, takenAt: time, host: hostname }];
  });
}

/** The disk apart: `restic restore` of version 0.14 fills its holes. */
async function restore(place: ResticPlace, id: string, folder: string, context: Context): Promise<void> {
  await runRestic(place, ['restore', id, '--target', folder, '--exclude', BACKUP_FILES.disk], context);
  const dump = shellCommand(resticArgv(place, ['dump', id, `/${BACKUP_FILES.disk}`]));
  const script = `set -o pipefail; umask 077; ${dump} | cp --sparse=always /dev/stdin "$1" && sync "$1"`;
  const { exitCode, stderr } = await context.host.exec(
    ['bash', '-c', script, 'bash', join(folder, BACKUP_FILES.disk)],
    {
      withinMs: 7 * 24 * 3_600_000,
      signal: context.signal,
      env: resticEnvironment(place, context),
    },
  );
  if (exitCode !== 0) throw resticFailed(place, 'dump', stderr);
}

function stalled({ target }: ResticPlace): VmkitError {
  const text = `Nothing more came to ${target.url}, and the backup was given up.`;
  return new VmkitError('unreachable', 'backup-target-failed', text, {
    hint: 'The backups that are there are whole. Run it again: what was sent is not sent again.',
  });
}
