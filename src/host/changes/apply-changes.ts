import { VmkitError } from '../../core/errors/errors.ts';
import { hostPaths } from '../../core/paths.ts';
import type { Context } from '../context.ts';
import { type RunAsRoot, requireRoot, rootRunner } from './as-root.ts';
import type { Change, Command, Probe } from './change.ts';
import { type JournalEntry, readJournal, writeJournal } from './change-journal.ts';

/**
 * Applies the changes that do not hold yet, in order, and returns those. Each is in the journal, on the disk, before its first
 * command runs. When one fails, or on Ctrl-C, what this call did is undone. The caller holds the lock of `hostPaths`.
 */
export async function applyChanges(changes: readonly Change[], context: Context): Promise<readonly Change[]> {
  const run = await rootRunner(context);
  const planned = await missingChanges(changes, context);
  if (planned.length === 0) return [];
  await requireRoot(
    planned.flatMap(({ apply, undo }) => [...apply, ...undo]),
    run,
    context.signal,
  );
  // What a crash left half made goes first, and what stood upon it with it.
  const undone = await undoWhere(({ state }) => state === 'pending', run, context);
  const missing = undone.length === 0 ? planned : await missingChanges(changes, context);
  const boot = (await context.host.place()).bootId;
  const begun = new Set<string>();
  try {
    for (const change of missing) {
      if (change.isRenewable === true && (await isOther(change, context))) {
        // What was there is not undone where this fails, and the journal tells then that it is still the other.
        for (const command of change.apply) await mustRun(command, change.title, run, context.signal);
        await record(change, 'applied', boot, context);
        continue;
      }
      begun.add(change.id);
      await record(change, 'pending', boot, context);
      for (const command of change.apply) await mustRun(command, change.title, run, context.signal);
      await record(change, 'applied', boot, context);
    }
  } catch (error) {
    await undoWhere(({ id }) => begun.has(id), run, context);
    throw error;
  }
  return missing;
}

/** What was to outlive a reboot of this host, and was not looked at since one. Takes no lock: most hosts have none of it. */
export async function changesOfFormerBoots(context: Context): Promise<readonly JournalEntry[]> {
  const entries = await readJournal(context);
  const boot = entries.length === 0 ? '' : (await context.host.place()).bootId;
  return entries.filter((entry) => entry.boot !== boot);
}

/**
 * Makes again what was to outlive a reboot and was lost in one: rules in the kernel, which are kept nowhere else. Returns those. The caller holds the lock of
 * `hostPaths`.
 */
export async function renewChanges(context: Context): Promise<readonly JournalEntry[]> {
  const old = await changesOfFormerBoots(context);
  if (old.length === 0) return [];
  const boot = (await context.host.place()).bootId;
  const run = await rootRunner(context);
  const renewed: JournalEntry[] = [];
  for (const entry of old) {
    const isLost = !(await holds(entry.isApplied, run, context));
    if (isLost) for (const command of entry.apply) await mustRun(command, entry.title, run, context.signal);
    const entries = await readJournal(context);
    await writeJournal(
      entries.map((each) => (each.id === entry.id ? { ...each, boot } : each)),
      context,
    );
    if (isLost) renewed.push(entry);
  }
  return renewed;
}

/** Undoes all that the journal knows, or what is meant of it, newest first, and returns what was undone. The caller holds the lock of `hostPaths`. */
export async function undoChanges(
  context: Context,
  isMeant: (entry: JournalEntry) => boolean = () => true,
): Promise<readonly JournalEntry[]> {
  const run = await rootRunner(context);
  const entries = (await readJournal(context)).filter(isMeant);
  await requireRoot(
    entries.flatMap(({ undo }) => undo),
    run,
    context.signal,
  );
  return undoWhere(isMeant, run, context);
}

/**
 * Which of these changes do not hold: never made, half made, or undone by others since.
 * Throws `host-change-differs` for one that was made with other settings, `host-name-taken` for one that others made.
 */
export async function missingChanges(changes: readonly Change[], context: Context): Promise<readonly Change[]> {
  const run = await rootRunner(context);
  const entries = await readJournal(context);
  const missing: Change[] = [];
  for (const change of changes) {
    const entry = entries.find(({ id }) => id === change.id);
    const isDifferent = entry !== undefined && JSON.stringify(entry.apply) !== JSON.stringify(change.apply);
    if (isDifferent && change.isRenewable !== true) throw differs(change);
    const isFound = await holds(change.isApplied, run, context);
    if (isFound && entry === undefined && change.whenFound === 'refuse') throw taken(change, context);
    const isAdopted = entry === undefined && change.whenFound === 'adopt';
    if (!isFound || isDifferent || isAdopted || entry?.state === 'pending') missing.push(change);
  }
  return missing;
}

/** Whether the journal has it as another vmkit made it. */
async function isOther({ id, apply }: Change, context: Context): Promise<boolean> {
  const entry = (await readJournal(context)).find((each) => each.id === id);
  return entry?.state === 'applied' && JSON.stringify(entry.apply) !== JSON.stringify(apply);
}

/** Undoes entries, newest first. It does not listen to Ctrl-C: half undone is worse than late. */
async function undoWhere(
  isMeant: (entry: JournalEntry) => boolean,
  run: RunAsRoot,
  context: Context,
): Promise<readonly JournalEntry[]> {
  const undone: JournalEntry[] = [];
  let left = await readJournal(context);
  for (const entry of left.filter(isMeant).reverse()) {
    if (await holds(entry.isApplied, run, { ...context, signal: new AbortController().signal })) {
      for (const command of entry.undo) await mustRun(command, `undo: ${entry.title}`, run);
    }
    left = left.filter(({ id }) => id !== entry.id);
    await writeJournal(left, context);
    undone.push(entry);
  }
  return undone;
}

/** An entry keeps its place: what was built upon it is undone before it. */
async function record(change: Change, state: JournalEntry['state'], boot: string, context: Context): Promise<void> {
  const { id, title, apply, undo, isApplied, outlivesReboot } = change;
  const entry = { id, title, state, apply: [...apply], undo: [...undo], isApplied, outlivesReboot, boot };
  const entries = await readJournal(context);
  const isKnown = entries.some((each) => each.id === id);
  await writeJournal(isKnown ? entries.map((each) => (each.id === id ? entry : each)) : [...entries, entry], context);
}

export async function holds({ argv, prints, needsRoot }: Probe, run: RunAsRoot, context: Context): Promise<boolean> {
  const { exitCode, stdout } = needsRoot
    ? await run({ argv }, context.signal)
    : await context.host.exec(argv, { signal: context.signal, withinMs: 30_000 });
  return exitCode === 0 && (prints === undefined || `\n${stdout}`.includes(`\n${prints}\n`));
}

async function mustRun(command: Command, title: string, run: RunAsRoot, signal?: AbortSignal): Promise<void> {
  const { exitCode, stdout, stderr } = await run(command, signal);
  if (exitCode === 0) return;
  const said = (stderr.trim() || stdout.trim()).slice(0, 2_000);
  throw new VmkitError(
    'host',
    'host-change-failed',
    `${title}: ${command.argv.join(' ')} ended with ${exitCode}: ${said}`,
    {
      hint: 'vmkit host check says what is in the way. vmkit host teardown undoes what is left.',
    },
  );
}

function differs({ title }: Change): VmkitError {
  return new VmkitError('host', 'host-change-differs', `${title}: it is there already, with other settings.`, {
    hint: 'vmkit host teardown, then set it up again.',
  });
}

function taken({ id, title }: Change, { paths }: Context): VmkitError {
  return new VmkitError('host', 'host-name-taken', `${title}: ${id} is there already, and vmkit did not make it.`, {
    hint: `Or another user's vmkit made it: the journal that was read is ${hostPaths(paths).journal}.`,
  });
}
