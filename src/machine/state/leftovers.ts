import { join } from 'node:path';
import type { MachinePaths } from '../../core/paths.ts';
import type { Host } from '../../host/host.ts';

/** What writeWhole calls a file that is not whole yet. */
const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/;

/**
 * Deletes what a killed vmkit left of a machine: half-written files, which may hold a secret or a key, and the disk of secrets that
 * earlier versions wrote. Only who holds the machine's lock may call it.
 */
export async function removeLeftovers(
  { stateDir, dataDir, secretsDir }: Pick<MachinePaths, 'stateDir' | 'dataDir' | 'secretsDir'>,
  host: Host,
): Promise<void> {
  const found = [
    ...(await filesIn(stateDir, host)),
    ...(await filesIn(dataDir, host)),
    ...(await filesBelow(secretsDir, host)),
  ].filter((path) => TEMPORARY.test(path));
  for (const path of found) await host.remove(path);
  await host.remove(join(stateDir, 'secrets.img'));
}

async function filesIn(folder: string, host: Host): Promise<string[]> {
  return ((await host.list(folder)) ?? []).map((name) => join(folder, name));
}

async function filesBelow(folder: string, host: Host): Promise<string[]> {
  const entries = await filesIn(folder, host);
  const below = await Promise.all(entries.map((entry) => filesBelow(entry, host)));
  return [...entries, ...below.flat()];
}
