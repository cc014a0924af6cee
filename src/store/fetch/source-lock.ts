import { join } from 'node:path';
import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { withLock } from '../../host/with-lock.ts';

export const lockedSource = z.object({
  /** As the publisher counts: 6.12.48, 6.12.48-1, 9.0.3. */
  version: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** What was checked when it was first seen: `published checksum`, `signature of Debian's archive`. */
  verified: z.string(),
});
const lockFile = z.object({ sources: z.record(z.string(), lockedSource) });

/** What was got from others the first time, and counts from then on. */
export type LockedSource = z.infer<typeof lockedSource>;

/** It outlives the cache: what was trusted once must not be forgotten when downloads are deleted. */
export function sourceLockPath(context: Pick<Context, 'paths'>): string {
  return join(context.paths.data, 'sources.lock.json');
}

export async function readLockedSource(
  name: string,
  context: Pick<Context, 'paths' | 'host'>,
): Promise<LockedSource | undefined> {
  return (await readAll(context))[name];
}

/** Records what was seen for `name` (`linux-6.12 from kernel.org`). Throws `source-changed` when something else is locked. */
export async function lockSource(name: string, seen: LockedSource, context: Context): Promise<void> {
  await change(context, (sources) => {
    const locked = sources[name];
    if (locked !== undefined && locked.sha256 !== seen.sha256) throw sourceChanged(name, locked, seen, context);
    return { ...sources, [name]: locked ?? seen };
  });
}

/** Lets the next download be locked anew. */
export async function forgetLockedSource(name: string, context: Context): Promise<void> {
  await change(context, ({ [name]: _, ...others }) => others);
}

export function sourceChanged(
  name: string,
  locked: LockedSource,
  seen: LockedSource,
  context: Pick<Context, 'paths'>,
): VmkitError {
  const isNewer = locked.version !== seen.version;
  return new VmkitError(
    'build',
    'source-changed',
    isNewer
      ? `${name}: version ${locked.version} is locked, and only ${seen.version} can be had.`
      : `${name}: version ${seen.version} has another content than when it was first seen.`,
    {
      hint: isNewer
        ? `If you want ${seen.version}, delete the entry "${name}" from ${sourceLockPath(context)} (build-kernel --update does that).`
        : `One version should have one content: ask its publisher. To accept it all the same, delete "${name}" from ${sourceLockPath(context)}.`,
      details: { locked, seen },
    },
  );
}

async function change(
  context: Context,
  edit: (sources: Readonly<Record<string, LockedSource>>) => Record<string, LockedSource>,
): Promise<void> {
  const path = sourceLockPath(context);
  await withLock(`${path}.lock`, 'a change of sources.lock.json', context, async () => {
    const sources = edit(await readAll(context));
    await context.host.write(path, `${JSON.stringify({ sources }, null, 2)}\n`);
  });
}

async function readAll(context: Pick<Context, 'paths' | 'host'>): Promise<Readonly<Record<string, LockedSource>>> {
  const path = sourceLockPath(context);
  const text = await context.host.readOurs(path);
  if (text === undefined) return {};
  try {
    return lockFile.parse(JSON.parse(text)).sources;
  } catch (error) {
    throw new VmkitError('build', 'source-lock-damaged', `${path} cannot be understood.`, {
      hint: 'Repair it, or delete it; vmkit then locks the sources that it sees next.',
      cause: error,
    });
  }
}
