import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { safeJson } from '../../core/json.ts';
import type { NetworkPaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { isRunning, startInBackground } from '../../host/local/background.ts';
import { readOurs } from '../../host/local/ours.ts';

const processSchema = z.object({ pid: z.number(), startTime: z.number() });

/** Starts the switch of a network if it does not run. Call it with the network's lock held. */
export async function ensureSwitch(paths: NetworkPaths, { host }: Pick<Context, 'host'>): Promise<void> {
  const bytes = await readOurs(paths.switchFile, host);
  const known = processSchema.safeParse(safeJson(Buffer.from(bytes ?? '').toString('utf8'))).data;
  if (known !== undefined && isRunning(known)) return;
  // Beside this file in the bundle.
  const program = fileURLToPath(new URL('./network-switch.js', import.meta.url));
  const started = await startInBackground([process.execPath, program, paths.membersDir], { logFile: paths.switchLog });
  await host.write(paths.switchFile, `${JSON.stringify(started)}\n`);
}
