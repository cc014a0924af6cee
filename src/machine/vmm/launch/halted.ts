import type { Host, HostProcess } from '../../../host/host.ts';
import { processStat } from '../../../host/local/process/process-stat.ts';

/** Whether this very process was halted by SIGSTOP, or by a debugger: it runs, but does nothing. */
export async function isHaltedBySignal({ pid, startTime }: HostProcess, host: Host): Promise<boolean> {
  // It may end while it is looked at.
  const text = await host.read(`/proc/${pid}/stat`).catch(() => undefined);
  if (text === undefined) return false;
  const stat = processStat(Buffer.from(text).toString('latin1'));
  return stat.startTime === startTime && ['T', 't'].includes(stat.state);
}
