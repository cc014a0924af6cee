import type { Host, HostProcess } from '../../../host/host.ts';
import { statFields } from '../../../host/local/process/process-stat.ts';
import { readText } from '../../../host/read-text.ts';

/** USER_HZ, which is 100 on every processor that Linux runs on here (proc_pid_stat(5), time(7)). */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time that a process has taken so far, the guest's among them; undefined once it has ended. */
export async function usedSeconds({ pid }: HostProcess, host: Host): Promise<number | undefined> {
  const fields = statFields(await readText(`/proc/${pid}/stat`, host));
  // utime and stime are the 14th and the 15th there.
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isNaN(ticks) ? undefined : ticks / TICKS_PER_SECOND;
}
