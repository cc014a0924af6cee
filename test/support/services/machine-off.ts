import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../../src/core/digest.ts';
import { type MachinePaths, machinePaths } from '../../../src/core/paths.ts';
import { ensureDataDisk } from '../../../src/machine/disks/data-disk.ts';
import { contextIn } from '../context.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export const NAME = 'kept';

/** A computer without a machine. */
export async function computer() {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  return { folder, context, paths: machinePaths(context.paths, NAME) };
}

/** A computer, with a machine on it that is off. */
export async function withMachineOn() {
  const own = await computer();
  mkdirSync(join(own.paths.secretsDir, 'postgres'), { recursive: true });
  writeFileSync(join(own.paths.secretsDir, 'postgres', 'app-password'), 'once\n', { mode: 0o600 });
  await ensureDataDisk({ name: NAME, dataMib: 64 }, own.paths, own.context);
  await scribble(own.paths, 'first');
  return own;
}

/** Some bytes in the middle of the disk, which is no part of its file system's own data. */
export async function scribble({ dataDisk }: MachinePaths, content: string | Uint8Array): Promise<string> {
  const file = await open(dataDisk, 'r+');
  await file.write(Buffer.from(typeof content === 'string' ? content.padEnd(4096) : content), 0, null, MIDDLE);
  await file.close();
  return digest(dataDisk);
}

export const digest = (path: string): string => sha256(readFileSync(path));

export const MIDDLE = 24 * 1024 * 1024;
