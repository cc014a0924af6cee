import { join } from 'node:path';
import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { readText } from '../../host/read-text.ts';

/** A copy of the data disk, in a folder of its id below the machine's snapshots; there only when it is whole. */
const snapshotSchema = z.object({
  version: z.literal(1),
  takenAt: z.iso.datetime(),
  isRunning: z.boolean(),
  /** Kind of artifact → key: what it ran on. */
  artifacts: z.record(z.string(), z.string()),
  kernel: z.string().optional(),
  /** Why it was taken, where nobody asked for it. */
  why: z.string().optional(),
  /** vmkit took it for itself, and deletes it when it has newer ones. */
  isAutomatic: z.boolean().optional(),
});

export type SnapshotFacts = z.infer<typeof snapshotSchema>;

export interface Snapshot extends SnapshotFacts {
  readonly id: string;
  readonly disk: string;
  /** What it takes on this host's disk; blocks that it shares count, too. */
  readonly bytes: number;
}

type Place = Pick<MachinePaths, 'snapshotsDir'>;

const ID = /^\d{8}-\d{6}(-\d+)?$/;
const FACTS = 'snapshot.json';
const DISK = 'data.img';
/** Of one that is not whole yet. */
const UNFINISHED = 'new';

/** `20260131-235959`: when it was taken, in UTC. */
export function snapshotId(takenAt: Date, taken: readonly string[]): string {
  const plain = takenAt
    .toISOString()
    .replace(/[-:]|\..*/g, '')
    .replace('T', '-');
  for (let more = 1; ; more++) {
    const id = more === 1 ? plain : `${plain}-${more}`;
    if (!taken.includes(id)) return id;
  }
}

/** All snapshots of a machine, the oldest first. */
export async function listSnapshots(
  { snapshotsDir }: Place,
  { host }: Pick<Context, 'host'>,
): Promise<readonly Snapshot[]> {
  const ids = ((await host.list(snapshotsDir)) ?? []).filter((name) => ID.test(name)).sort();
  const found = await Promise.all(
    ids.map(async (id): Promise<readonly Snapshot[]> => {
      const facts = parseJson(await readText(join(snapshotsDir, id, FACTS), host), snapshotSchema);
      const disk = join(snapshotsDir, id, DISK);
      const bytes = (await host.stat(disk))?.bytesOnDisk;
      return facts === undefined || bytes === undefined ? [] : [{ ...facts, id, disk, bytes }];
    }),
  );
  return found.flat();
}

/** Makes one: `copy` puts the disk where it is told and says what it was of. The caller holds the machine's lock. */
export async function makeSnapshot(
  { snapshotsDir }: Place,
  copy: (to: string) => Promise<Omit<SnapshotFacts, 'version' | 'takenAt'>>,
  { host }: Context,
): Promise<string> {
  const unfinished = join(snapshotsDir, UNFINISHED);
  await host.makeFolder(snapshotsDir, 0o700);
  await host.remove(unfinished);
  await host.makeFolder(unfinished, 0o700);
  const takenAt = new Date();
  try {
    const facts: SnapshotFacts = {
      version: 1,
      takenAt: takenAt.toISOString(),
      ...(await copy(join(unfinished, DISK))),
    };
    await host.write(join(unfinished, FACTS), `${JSON.stringify(facts, null, 2)}\n`, 0o600);
    const id = snapshotId(takenAt, (await host.list(snapshotsDir)) ?? []);
    const argv = ['sh', '-c', 'sync && mv -- "$1" "$2" && sync', 'sh', unfinished, join(snapshotsDir, id)];
    const { exitCode, stderr } = await host.exec(argv, { withinMs: 600_000 });
    if (exitCode !== 0) throw new VmkitError('host', 'not-writable', `Keeping the snapshot: ${stderr.trim()}`);
    return id;
  } finally {
    await host.remove(unfinished);
  }
}

/** The snapshot of this id, or the newest. Throws `snapshot-missing`. */
export async function requireSnapshot(
  name: string,
  id: string | undefined,
  paths: Place,
  context: Context,
): Promise<Snapshot> {
  const all = await listSnapshots(paths, context);
  const found = id === undefined ? all.at(-1) : all.find((snapshot) => snapshot.id === id);
  if (found !== undefined) return found;
  throw new VmkitError('usage', 'snapshot-missing', `${name} has no snapshot${id === undefined ? '' : ` ${id}`}.`, {
    hint: all.length === 0 ? `vmkit snapshot ${name} takes one.` : `It has: ${all.map((each) => each.id).join(', ')}.`,
  });
}

export async function removeSnapshot({ snapshotsDir }: Place, { id }: Snapshot, { host }: Context): Promise<void> {
  await host.remove(join(snapshotsDir, id));
}

/** Deletes those that vmkit took for itself, but the newest two: of the disk before it was tried with something new, and of what that left. */
export async function removeOldAutomatic(paths: Place, context: Context): Promise<void> {
  const automatic = (await listSnapshots(paths, context)).filter(({ isAutomatic }) => isAutomatic === true);
  for (const snapshot of automatic.slice(0, -2)) await removeSnapshot(paths, snapshot, context);
}
