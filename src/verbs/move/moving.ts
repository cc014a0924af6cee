import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Host } from '../../host/host.ts';

const movingSchema = z.object({ to: z.string() });

type Place = Pick<MachinePaths, 'movingFile'>;

/** Where a machine is moving to, once all of it is there: from then on it may run there, and never here. */
export async function readMoving({ movingFile }: Place, host: Host): Promise<string | undefined> {
  const text = await host.readOurs(movingFile);
  if (text === undefined) return undefined;
  // A damaged one says that much.
  return parseJson(text, movingSchema)?.to ?? 'another host';
}

export async function writeMoving({ movingFile }: Place, to: string, host: Host): Promise<void> {
  await host.write(movingFile, `${JSON.stringify({ to })}\n`, 0o600);
}

/** Throws `machine-moving` for a machine that may run on another host by now. */
export async function requireNotMoving(name: string, paths: Place, host: Host): Promise<void> {
  const to = await readMoving(paths, host);
  if (to === undefined) return;
  const text = `${name} is moving to ${to}, and may run there: it must never run at two places. Nothing was started.`;
  throw new VmkitError('usage', 'machine-moving', text, {
    hint: `vmkit move ${name} --to ${to} goes on where it was cut off. If it was never started there, and that host is gone for good: rm ${paths.movingFile}`,
  });
}
