import { poll } from '../core/deadline.ts';
import type { MachinePaths } from '../core/paths.ts';
import { type BackgroundProcess, isRunning } from '../host/background.ts';
import { logReader } from '../host/console-log.ts';
import type { Context } from '../host/context.ts';
import { zeroMemoryOf } from '../host/secrets-memory.ts';
import { type GuestEvent, parseGuestEvent } from '../spec/guest-event.ts';
import type { Service } from '../spec/service.ts';
import { type BootEnd, type BootProgress, emptyProgress, withEvent, withLine } from './boot-progress.ts';
import { MEMORY_FILE } from './launch.ts';
import { isPausedByFullDisk } from './paused.ts';

const CONSOLE_TAIL_LINES = 15;
/** How often QEMU is asked whether it had to pause the guest. */
const ASK_QEMU_EVERY_MS = 5_000;

export interface BootDeadlines {
  /** Milliseconds until stage 1 must have said its first event. */
  readonly initMs: number;
  /** Milliseconds until the whole boot must be over. The guest itself names late services well before. */
  readonly bootMs: number;
}

export interface Followed {
  readonly progress: BootProgress;
  readonly end: BootEnd | { readonly kind: 'qemu-ended' | 'no-init' | 'timeout' | 'disk-full' };
  /** The last lines of the console that are no events. */
  readonly consoleTail: readonly string[];
}

/** Services wait for one another, so in the worst case their deadlines add up; two minutes for all the rest. */
export function bootDeadlines(services: readonly Pick<Service, 'ready'>[]): BootDeadlines {
  const forServices = services.reduce((sum, { ready }) => sum + ready.withinSeconds, 0);
  return { initMs: 60_000, bootMs: 120_000 + forServices * 1_000 };
}

/**
 * Reads the console from its start until the boot is over, one way or another. Zeroes the secrets disk as soon as the guest
 * has taken it, and in any case at the end. Safe to call again on a machine that runs already.
 */
export async function followBoot(
  process: BackgroundProcess,
  services: readonly string[],
  paths: MachinePaths,
  deadlines: BootDeadlines,
  context: Context,
): Promise<Followed> {
  const log = logReader(paths.consoleLog);
  const started = performance.now();
  let progress = emptyProgress(services);
  let askedQemuAt = started;
  const consoleTail: string[] = [];
  const take = async (line: string): Promise<void> => {
    const event = parseGuestEvent(line);
    if (event === undefined) {
      progress = withLine(progress, line);
      consoleTail.push(line);
      if (consoleTail.length > CONSOLE_TAIL_LINES) consoleTail.shift();
      return;
    }
    progress = withEvent(progress, event);
    const text = eventText(event, progress);
    if (text !== undefined) context.report({ kind: 'phase', text });
    if (event.event === 'phase' && event.phase === 'secrets') await zeroMemoryOf(process, MEMORY_FILE);
  };
  try {
    const end = await poll<Followed['end']>(
      async () => {
        // Asked before reading: what a process printed before it ended is all there.
        const isAlive = isRunning(process);
        for (const line of await log.read()) await take(line);
        if (progress.end !== undefined) return progress.end;
        if (!isAlive) return { kind: 'qemu-ended' };
        if (performance.now() - askedQemuAt > ASK_QEMU_EVERY_MS) {
          askedQemuAt = performance.now();
          if (await isPausedByFullDisk(paths)) return { kind: 'disk-full' };
        }
        const isSilent = progress.phases.length === 0 && performance.now() - started > deadlines.initMs;
        return isSilent ? { kind: 'no-init' } : undefined;
      },
      { withinMs: deadlines.bootMs, everyMs: 50, signal: context.signal },
    );
    return { progress, end: end ?? { kind: 'timeout' }, consoleTail };
  } finally {
    await log.close();
    await zeroMemoryOf(process, MEMORY_FILE);
  }
}

/** What a person reads while waiting: `postgres ready after 2.1 s`. */
function eventText(event: GuestEvent, progress: BootProgress): string | undefined {
  switch (event.event) {
    case 'phase':
      return `${event.phase}`;
    case 'start':
      return `${event.service} starts`;
    case 'ready': {
      const from = progress.services.get(event.service)?.startedAt ?? 0;
      return `${event.service} ready after ${(event.uptime - from).toFixed(1)} s`;
    }
    case 'exit':
      return `${event.service} ended with exit code ${event.code}`;
    default:
      return undefined;
  }
}
