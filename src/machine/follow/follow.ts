import { poll } from '../../core/deadline.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { type GuestEvent, NO_EVENT_PORT, parseGuestEvent } from '../../spec/guest-event.ts';
import type { Service } from '../../spec/service.ts';
import { type Monitor, whatStillHolds } from '../held.ts';
import { vmmOf } from '../vmm/drivers.ts';
import { allRecorded, logsOf } from '../vmm/launch/recorder.ts';
import { usedSeconds } from '../vmm/launch/used-time.ts';
import type { Held } from '../vmm/vmm.ts';
import { type BootEnd, type BootProgress, emptyProgress, killedText, withEvent } from './boot-progress.ts';

const CONSOLE_TAIL_LINES = 15;
/** How often the monitor is asked whether it had to pause the guest. */
const ASK_EVERY_MS = 5_000;
/** How long a boot waits for room on this host's disk. */
const ROOM_WITHIN_MS = 30_000;

export interface BootDeadlines {
  /** Milliseconds until stage 1 must have said its first event. */
  readonly initMs: number;
  /** Milliseconds until the whole boot must be over. The guest itself names late services well before. */
  readonly bootMs: number;
}

export interface Followed {
  readonly progress: BootProgress;
  readonly end:
    | BootEnd
    | { readonly kind: 'qemu-ended' | 'timeout' }
    /** `usedSeconds`: the processor time that its monitor took. */
    | { readonly kind: 'no-init'; readonly usedSeconds: number | undefined }
    | { readonly kind: 'held'; readonly held: Held }
    /** The kernel's, or stage 1's, own last words before the machine ended. */
    | { readonly kind: 'panic' | 'no-event-port'; readonly line: string };
  /** The last lines of the console. */
  readonly consoleTail: readonly string[];
}

/** Services wait for one another, so in the worst case their deadlines add up; two minutes for all the rest. */
export function bootDeadlines(services: readonly Pick<Service, 'ready'>[]): BootDeadlines {
  const forServices = services.reduce((sum, { ready }) => sum + ready.withinSeconds, 0);
  return { initMs: 60_000, bootMs: 120_000 + forServices * 1_000 };
}

/**
 * Reads the events from their start until the boot is over, one way or another. Zeroes the secrets disk as soon as the guest
 * has taken it, and in any case when the boot is over. Safe to call again on a machine that runs already: whoever stops
 * watching (Ctrl-C, a lost connection) leaves the secrets to the guest, which goes on.
 */
export async function followBoot(
  monitor: Monitor,
  services: readonly string[],
  paths: MachinePaths,
  deadlines: BootDeadlines,
  context: Context,
): Promise<Followed> {
  const log = context.host.log(paths.eventsLog);
  const console = context.host.log(paths.consoleLog);
  const started = performance.now();
  let progress = emptyProgress(services);
  let askedAt = started;
  const consoleTail: string[] = [];
  let lastWord: Followed['end'] | undefined;
  const takeLine = (line: string): void => {
    lastWord = lastWordIn(line) ?? lastWord;
    consoleTail.push(line);
    if (consoleTail.length > CONSOLE_TAIL_LINES) consoleTail.shift();
  };
  let isForgotten = false;
  const forgetSecrets = async (): Promise<void> => {
    if (!isForgotten) await vmmOf(monitor).forgetSecrets(monitor, context.host);
    isForgotten = true;
  };
  const take = async (line: string): Promise<void> => {
    const event = parseGuestEvent(line, services);
    if (event === undefined) return;
    progress = withEvent(progress, event);
    const text = eventText(event, progress);
    if (text !== undefined) context.report({ kind: 'phase', text });
    if (event.event === 'phase' && event.phase === 'secrets') await forgetSecrets();
  };
  let held: Held | undefined;
  let heldSince = started;
  const look = async (): Promise<void> => {
    const before = held;
    held = await whatStillHolds(monitor, paths, context.host);
    if (held === undefined || before !== undefined) return;
    heldSince = performance.now();
    context.report({ kind: 'note', text: `It is ${held.text}. ${held.hint}` });
  };
  try {
    const end = await poll<Followed['end']>(
      async () => {
        // Asked before reading: what a process printed before it ended is all there.
        const isAlive = await context.host.isRunning(monitor);
        if (!isAlive) await allRecorded(logsOf(paths), context.host);
        for await (const line of log.lines()) await take(line);
        for await (const line of console.lines()) takeLine(line);
        if (progress.end !== undefined && progress.end.kind !== 'booted') return progress.end;
        if (!isAlive) return lastWord ?? { kind: 'qemu-ended' };
        if (progress.end !== undefined || performance.now() - askedAt > ASK_EVERY_MS) {
          askedAt = performance.now();
          await look();
          if (held !== undefined && isGivenUp(held, heldSince)) return { kind: 'held', held };
        }
        if (held !== undefined) return undefined;
        const isSilent = progress.phases.length === 0 && performance.now() - started > deadlines.initMs;
        if (!isSilent) return progress.end;
        return { kind: 'no-init', usedSeconds: await usedSeconds(monitor, context.host) };
      },
      { withinMs: deadlines.bootMs, everyMs: 50, signal: context.signal },
    );
    await forgetSecrets();
    return { progress, end: end ?? (held === undefined ? { kind: 'timeout' } : { kind: 'held', held }), consoleTail };
  } finally {
    await log.close();
    await console.close();
  }
}

/** Room on a disk may come while it is waited for; the rest needs a person. */
function isGivenUp({ kind }: Held, since: number): boolean {
  if (kind === 'ending') return false;
  return kind !== 'no-room' || performance.now() - since > ROOM_WITHIN_MS;
}

/**
 * Anybody in the guest may print such a line, so it counts only once the machine has ended: it says why. A kernel that panics ends the machine
 * (panic=-1, -no-reboot).
 */
function lastWordIn(line: string): Followed['end'] | undefined {
  if (line.includes('Kernel panic - not syncing')) return { kind: 'panic', line: line.trim() };
  return line.startsWith(NO_EVENT_PORT) ? { kind: 'no-event-port', line } : undefined;
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
    case 'exit': {
      const { outOfMemory } = progress.services.get(event.service) ?? {};
      if (event.outOfMemory !== undefined && outOfMemory !== undefined)
        return `${event.service} ${killedText(outOfMemory)}`;
      return `${event.service} ended with exit code ${event.code}`;
    }
    default:
      return undefined;
  }
}
