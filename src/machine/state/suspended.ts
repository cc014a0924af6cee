import { join } from 'node:path';
import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { startedSchema } from './started.ts';
import { stateSchema } from './state.ts';

/** What a machine was suspended with. The files that it read are beside it. */
const suspendedSchema = z.object({
  version: z.literal(1),
  suspendedAt: z.iso.datetime(),
  state: stateSchema,
  started: startedSchema,
  /** The data disk that the memory belongs to, as `diskMark` says. */
  disk: z.string(),
  memory: z.object({ bytes: z.number(), sha256: z.string() }),
});

export type Suspended = z.infer<typeof suspendedSchema>;

/** What is in the folder of a suspended machine. */
export interface SuspendedFiles {
  readonly record: string;
  readonly memory: string;
  readonly console: string;
  readonly events: string;
  /** What its monitor reads, each under its role: kernel, initramfs, disks. */
  readonly readDir: string;
}

export function suspendedFiles(folder: string): SuspendedFiles {
  const at = (name: string): string => join(folder, name);
  return {
    record: at('record.json'),
    memory: at('memory'),
    console: at('console'),
    events: at('events'),
    readDir: at('files'),
  };
}

/** Its folder has its name only when all of it is there. */
export async function isSuspended({ suspendedDir }: Pick<MachinePaths, 'suspendedDir'>, host: Host): Promise<boolean> {
  return (await host.stat(suspendedDir)) !== undefined;
}

/** Undefined for one that cannot be read, or is another vmkit's. */
export async function readSuspended(
  { suspendedDir }: Pick<MachinePaths, 'suspendedDir'>,
  { host }: Pick<Context, 'host'>,
): Promise<Suspended | undefined> {
  return parseJson(await host.readOurs(suspendedFiles(suspendedDir).record), suspendedSchema);
}

/** How large the data disk is, and when it was written to last, in nanoseconds: another one has been changed since. */
export async function diskMark({ dataDisk }: Pick<MachinePaths, 'dataDisk'>, host: Host): Promise<string> {
  const { exitCode, stdout, stderr } = await host.exec(['stat', '-L', '-c', '%s %.9Y', dataDisk], { withinMs: 60_000 });
  if (exitCode === 0) return stdout.trim();
  throw new VmkitError('host', 'data-disk-missing', stderr.trim(), {
    hint: 'Mount what it is on, or vmkit restore brings one back.',
  });
}

/** Throws `machine-suspended`: whoever changes the data disk would part it from the memory. */
export async function requireNotSuspended(name: string, paths: MachinePaths, host: Host): Promise<void> {
  if (!(await isSuspended(paths, host))) return;
  const text = `The machine ${name} is suspended, and its memory belongs to its disk as it is. Nothing was changed.`;
  throw new VmkitError('usage', 'machine-suspended', text, { hint: `vmkit boot ${name} && vmkit stop ${name}` });
}
