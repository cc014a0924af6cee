import type { Host, HostProcess } from '../../../host/host.ts';

/** VmRSS of /proc/PID/status, in KiB there (proc_pid_status(5)). */
export async function usedMib({ pid }: HostProcess, host: Host): Promise<number | undefined> {
  const text = Buffer.from((await host.read(`/proc/${pid}/status`)) ?? '').toString('utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
}
