import { poll } from '../core/deadline.ts';
import type { Host, HostProcess } from './host.ts';

/** Ends this very process: SIGTERM, and SIGKILL after 5 s; back when it is gone. */
export async function terminate(target: HostProcess, host: Host): Promise<void> {
  if (!(await host.signal(target, 'SIGTERM'))) return;
  if (await isGone(target, host, 5_000)) return;
  await host.signal(target, 'SIGKILL');
  await isGone(target, host, 5_000);
}

/** Whether this very process ends within so many milliseconds. */
export async function isGone(target: HostProcess, host: Host, withinMs: number): Promise<boolean> {
  const gone = async (): Promise<true | undefined> => ((await host.isRunning(target)) ? undefined : true);
  return (await poll(gone, { withinMs })) === true;
}
