import { z } from 'zod';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { hostPaths } from '../../core/paths.ts';
import type { Context } from '../context.ts';
import { commandSchema, probeSchema } from './change.ts';

const entrySchema = z.object({
  id: z.string(),
  title: z.string(),
  /** `pending`: none, some or all commands of `apply` may have run. */
  state: z.enum(['pending', 'applied']),
  apply: z.array(commandSchema),
  undo: z.array(commandSchema),
  isApplied: probeSchema,
  outlivesReboot: z.boolean(),
  /** /proc/sys/kernel/random/boot_id when it was applied. */
  boot: z.string(),
});
const journalSchema = z.object({ version: z.literal(1), entries: z.array(entrySchema) });

export type JournalEntry = z.infer<typeof entrySchema>;

/** What was done to this host and is not undone yet, oldest first. What a reboot has undone already is left out. */
export async function readJournal(context: Pick<Context, 'host' | 'paths'>): Promise<readonly JournalEntry[]> {
  const { journal } = hostPaths(context.paths);
  const text = await context.host.readOurs(journal);
  if (text === undefined) return [];
  const boot = (await context.host.place()).bootId;
  try {
    const { entries } = journalSchema.parse(JSON.parse(text));
    return entries.filter((entry) => entry.outlivesReboot || entry.boot === boot);
  } catch (error) {
    throw new VmkitError('host', 'journal-damaged', `The journal of host changes, ${journal}, cannot be read.`, {
      hint: `vmkit never writes it in part, so another program changed it (${messageOf(error).split('\n')[0]}). Restart the host, which undoes everything but rules in ufw, and the serve entries and routes of Tailscale; then delete the file.`,
      cause: error,
    });
  }
}

/** Writes the journal whole, and is back when it is on the disk. */
export async function writeJournal(
  entries: readonly JournalEntry[],
  context: Pick<Context, 'host' | 'paths'>,
): Promise<void> {
  const text = `${JSON.stringify({ version: 1, entries }, null, 2)}\n`;
  await context.host.write(hostPaths(context.paths).journal, text, 0o600);
}
