import type { Host } from '../../host/host.ts';
import { usedSecondsIn } from '../../host/local/process/process-stat.ts';
import { readText } from '../../host/read-text.ts';
import type { Traffic } from '../../net/traffic.ts';

/** A row of the table in docs/choosing.md. */
export interface MeasuredWay extends Traffic {
  readonly way: string;
  /** Of these tailscaled, together, in milliseconds; undefined where there is none. */
  readonly processorMsPerMegabyte: number | undefined;
  /** The address that the service saw. */
  readonly sees: string;
}

const MEGABYTES = 100;

/** Measures one way; `pids` are of the tailscaled on it, on `host`, which is this computer. */
export async function measureWay(
  way: string,
  pids: readonly number[],
  lastSeen: () => string,
  run: () => Promise<Traffic>,
  host: Pick<Host, 'read'>,
): Promise<MeasuredWay> {
  const before = await usedSeconds(pids, host);
  const traffic = await run();
  const used = (await usedSeconds(pids, host)) - before;
  const processorMsPerMegabyte = pids.length === 0 ? undefined : (used * 1000) / MEGABYTES;
  return { way, ...traffic, processorMsPerMegabyte, sees: lastSeen() };
}

/** The cells of that row. */
export function wayCells({
  way,
  megabytesPerSecond,
  roundTripMs,
  processorMsPerMegabyte,
  sees,
}: MeasuredWay): string[] {
  const processor = processorMsPerMegabyte === undefined ? '–' : `${processorMsPerMegabyte.toFixed(1)} ms`;
  return [way, `${megabytesPerSecond.toFixed(0)} MB/s`, `${roundTripMs.toFixed(1)} ms`, processor, sees];
}

export const WAY_COLUMNS = [
  'way, from the client to the service',
  'throughput',
  'dial and round trip',
  "tailscaled's processor for 1 MB, both ends",
  'the service sees',
] as const;

async function usedSeconds(pids: readonly number[], host: Pick<Host, 'read'>): Promise<number> {
  const stats = await Promise.all(pids.map((pid) => readText(`/proc/${pid}/stat`, host)));
  return stats.reduce((sum, text) => sum + (usedSecondsIn(text) ?? Number.NaN), 0);
}
