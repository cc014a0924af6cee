import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { safeJson } from '../../core/json.ts';
import type { NetworkPaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { readOurs } from '../../host/read-ours.ts';

const processSchema = z.object({ pid: z.number(), startTime: z.number(), bootId: z.string().optional() });

/** Starts the switch of a network if it does not run. Call it with the network's lock held. */
export async function ensureSwitch(paths: NetworkPaths, { host }: Pick<Context, 'host'>): Promise<void> {
  const bytes = await readOurs(paths.switchFile, host);
  const known = processSchema.safeParse(safeJson(Buffer.from(bytes ?? '').toString('utf8'))).data;
  if (known !== undefined && (await host.isRunning(known))) return;
  // Beside this file in the bundle.
  const program = fileURLToPath(new URL('./network-switch.js', import.meta.url));
  const started = await host.start([process.execPath, program, paths.membersDir], { logFile: paths.switchLog });
  await host.write(paths.switchFile, `${JSON.stringify(started)}\n`);
}
