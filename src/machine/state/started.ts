import * as z from 'zod';
import type { MachinePaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { ACCELERATORS } from '../vmm/vmm-facts.ts';

/** How a monitor was started: started.json, beside the machine's state. Nothing in it is a secret. */
export const startedSchema = z.object({
  version: z.literal(1),
  /** As its state says: tells which start it was. */
  startedAt: z.iso.datetime(),
  /** What the monitor's program says of itself. */
  monitor: z.string(),
  argv: z.array(z.string()).min(1),
  files: z.array(
    z.object({
      fd: z.int(),
      role: z.string(),
      path: z.string().optional(),
      access: z.enum(['read', 'write', 'record']),
    }),
  ),
  accelerator: z.enum(ACCELERATORS),
  /** As whom it runs; absent: as whoever starts it. */
  user: z.int().optional(),
  /** Of the disk that has no file. */
  secretsBytes: z.int(),
});

/** All that it takes to start the same monitor again. */
export type Started = z.infer<typeof startedSchema>;

type Place = Pick<MachinePaths, 'startedFile'>;

export async function writeStarted(
  { startedFile }: Place,
  started: Started,
  { host }: Pick<Context, 'host'>,
): Promise<void> {
  await host.write(startedFile, `${JSON.stringify(started, null, 2)}\n`, 0o600);
}

/** Undefined for a machine that an older vmkit started, or another start than this one. */
export async function readStarted(
  { startedFile }: Place,
  { startedAt }: Pick<Started, 'startedAt'>,
  { host }: Pick<Context, 'host'>,
): Promise<Started | undefined> {
  const started = parseJson(await host.readOurs(startedFile), startedSchema);
  return started?.startedAt === startedAt ? started : undefined;
}
