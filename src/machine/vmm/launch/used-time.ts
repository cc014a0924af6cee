import type { Host, HostProcess } from '../../../host/host.ts';
import { usedSecondsIn } from '../../../host/local/process/process-stat.ts';
import { readText } from '../../../host/read-text.ts';

/** Seconds of processor time that a process has taken so far, the guest's among them; undefined once it has ended. */
export async function usedSeconds({ pid }: HostProcess, host: Host): Promise<number | undefined> {
  return usedSecondsIn(await readText(`/proc/${pid}/stat`, host));
}
