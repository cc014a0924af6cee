import type { Host, HostProcess } from '../../../host/host.ts';
import { readText } from '../../../host/read-text.ts';

/** VmRSS of /proc/PID/status, in KiB there (proc_pid_status(5)). */
export async function usedMib({ pid }: HostProcess, host: Host): Promise<number | undefined> {
  const text = await readText(`/proc/${pid}/status`, host);
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}
