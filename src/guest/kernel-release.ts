import type { Host } from '../host/host.ts';
import { readText } from '../host/read-text.ts';

/** As `uname -r` says it: `6.12.48`. */
export async function kernelRelease(guest: Pick<Host, 'read'>): Promise<string> {
  return (await readText('/proc/sys/kernel/osrelease', guest, 256)).trim();
}
