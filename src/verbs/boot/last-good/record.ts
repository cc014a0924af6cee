import * as z from 'zod';
import type { MachinePaths } from '../../../core/paths.ts';
import { parseJson } from '../../../core/text/json.ts';
import type { Context } from '../../../host/context.ts';

const recordSchema = z.object({
  version: z.literal(1),
  /** The set on which every service got ready last. */
  good: z.string().optional(),
  /** The set that was started since, and the snapshot of the disk as the good one left it. Gone once it is the good one. */
  trial: z.object({ set: z.string(), snapshot: z.string().optional() }).optional(),
});

/** Which sets of artifacts a machine has, by their ids: sets.json. */
export type SetsRecord = z.infer<typeof recordSchema>;

type Place = Pick<MachinePaths, 'setsFile'>;

/** What is not there, or damaged, knows of no set. */
export async function readSets({ setsFile }: Place, { host }: Pick<Context, 'host'>): Promise<SetsRecord> {
  return parseJson(await host.readOurs(setsFile), recordSchema) ?? { version: 1 };
}

export async function writeSets(
  { setsFile }: Place,
  record: Omit<SetsRecord, 'version'>,
  { host }: Pick<Context, 'host'>,
): Promise<void> {
  await host.write(setsFile, `${JSON.stringify({ version: 1, ...record }, null, 2)}\n`, 0o600);
}

/** The data disk becomes another one: what a trial began with is no way back any more. The caller holds the machine's lock. */
export async function forgetTrial(place: Place, context: Pick<Context, 'host'>): Promise<void> {
  const { good, trial } = await readSets(place, context);
  if (trial !== undefined) await writeSets(place, { good }, context);
}
