import type { Host } from './host.ts';

/**
 * Reads a file whose content is believed: commands that run as root, pids that are ended, programs that are started. Undefined where there is none.
 * Throws `not-ours` when another user could have written it.
 */
export async function readOurs(path: string, host: Host): Promise<Uint8Array | undefined> {
  await host.requireOurs(path);
  return await host.read(path);
}
