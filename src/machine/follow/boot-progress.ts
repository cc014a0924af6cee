import type { ErrorCode } from '../../core/errors/error-codes.ts';
import { type GuestEvent, refusalOf } from '../../spec/guest-event.ts';

export type ServiceState = 'waiting' | 'starting' | 'ready' | 'unready' | 'late' | 'ended' | 'stopping' | 'stopped';

export interface ServiceProgress {
  readonly state: ServiceState;
  /** Seconds since power-on, as the guest's kernel counts. */
  readonly startedAt: number | undefined;
  readonly readyAt: number | undefined;
  /** Since when it does not answer any more, though it runs. */
  readonly unreadyAt?: number;
  /** How often the daemon ended. */
  readonly ends: number;
  /** How often it ended because the kernel killed it for want of memory; absent: never. */
  readonly outOfMemory?: OutOfMemory;
}

export interface OutOfMemory {
  readonly times: number;
  /** Its limit, at the last time; undefined: the machine had no more. */
  readonly limitMib: number | undefined;
}

/** How a boot ended, by the guest's word. */
export type BootEnd =
  | { readonly kind: 'booted'; readonly uptime: number }
  | {
      readonly kind: 'late';
      readonly service: string;
      readonly uptime: number;
      readonly waitingFor: string | undefined;
      readonly reason?: 'crash-loop' | undefined;
      readonly log: string;
    }
  | {
      readonly kind: 'fatal';
      readonly code: ErrorCode;
      readonly message: string;
      readonly uptime: number;
      /** The service that refused; undefined for stage 1. */
      readonly service?: string;
    };

export interface BootProgress {
  readonly phases: readonly { readonly name: string; readonly uptime: number }[];
  readonly services: ReadonlyMap<string, ServiceProgress>;
  readonly end: BootEnd | undefined;
  readonly isStopping: boolean;
  readonly isStopped: boolean;
}

const NOT_STARTED: ServiceProgress = { state: 'waiting', startedAt: undefined, readyAt: undefined, ends: 0 };

/** A machine of which nothing was heard yet. `services` in the order in which they are shown. */
export function emptyProgress(services: readonly string[]): BootProgress {
  return {
    phases: [],
    services: new Map(services.map((name) => [name, NOT_STARTED])),
    end: undefined,
    isStopping: false,
    isStopped: false,
  };
}

/** What is known after one more event. Pure. The first end counts, except that a late boot may still succeed. */
export function withEvent(progress: BootProgress, event: GuestEvent): BootProgress {
  switch (event.event) {
    case 'phase':
      return { ...progress, phases: [...progress.phases, { name: event.phase, uptime: event.uptime }] };
    case 'start':
      return withService(withoutRefusal(progress, event.service), event.service, {
        state: 'starting',
        startedAt: event.uptime,
        readyAt: undefined,
      });
    case 'ready':
      // One that answers again has been ready all along.
      return withService(progress, event.service, {
        state: 'ready',
        ...(progress.services.get(event.service)?.state === 'unready' ? {} : { readyAt: event.uptime }),
      });
    case 'unready':
      return withService(progress, event.service, { state: 'unready', unreadyAt: event.uptime });
    case 'clock':
      return progress;
    case 'restart':
      return withService(progress, event.service, { state: 'ended' });
    case 'exit': {
      const { ends = 0, outOfMemory: before } = progress.services.get(event.service) ?? NOT_STARTED;
      const { outOfMemory: now } = event;
      return withService(progress, event.service, {
        state: 'ended',
        ends: ends + 1,
        ...(now === undefined ? {} : { outOfMemory: { times: (before?.times ?? 0) + 1, limitMib: now.limitMib } }),
      });
    }
    case 'late':
      return withEnd(withService(progress, event.service, { state: 'late' }), {
        kind: 'late',
        service: event.service,
        uptime: event.uptime,
        waitingFor: event.waitingFor,
        reason: event.reason,
        log: Buffer.from(event.log, 'base64').toString('utf8'),
      });
    case 'booted':
      return { ...progress, end: { kind: 'booted', uptime: event.uptime } };
    case 'state': {
      if (progress.isStopping) return progress;
      const services = [...progress.services].map(([name, known]) => {
        const state = event.services[name] ?? known.state;
        // Late is what the host keeps in mind until the service is ready.
        return [name, { ...known, state: known.state === 'late' && state === 'starting' ? 'late' : state }] as const;
      });
      const isNews = event.isBooted && progress.end?.kind !== 'booted';
      const end = isNews ? { kind: 'booted' as const, uptime: event.uptime } : progress.end;
      return { ...progress, services: new Map(services), end };
    }
    case 'fatal':
      return withEnd(progress, { kind: 'fatal', ...refusalOf(event.code, event.message), uptime: event.uptime });
    case 'refused': {
      const { service, uptime } = event;
      const { code, message } = refusalOf(event.code, event.message);
      const refused = withService(progress, service, { state: 'ended' });
      return withEnd(refused, { kind: 'fatal', code, message: `${service}: ${message}`, uptime, service });
    }
    case 'stopping':
    case 'stopped':
      if (event.service !== undefined) return withService(progress, event.service, { state: event.event });
      return event.event === 'stopping' ? { ...progress, isStopping: true } : { ...progress, isStopped: true };
  }
}

/** `was killed: out of memory (limit 256 MiB), 3 times` */
export function killedText({ times, limitMib }: OutOfMemory): string {
  const whose = limitMib === undefined ? 'the machine has no more' : `limit ${limitMib} MiB`;
  return `was killed: out of memory (${whose}), ${times} ${times === 1 ? 'time' : 'times'}`;
}

/** What the machine is at, in words: for an error that says where it stood still. */
export function currentStep(progress: BootProgress): string {
  const open = [...progress.services].filter(([, service]) => service.state !== 'ready');
  const starting = open.filter(([, service]) => service.state !== 'waiting').map(([name]) => name);
  const last = progress.phases.at(-1)?.name;
  if (starting.length > 0) return `waiting for ${starting.join(', ')}`;
  if (last !== undefined) return `after phase ${last}`;
  return 'before the kernel started init';
}

function withService(progress: BootProgress, name: string, change: Partial<ServiceProgress>): BootProgress {
  if (!progress.services.has(name)) return progress;
  const services = new Map(progress.services);
  services.set(name, { ...(services.get(name) ?? NOT_STARTED), ...change });
  return { ...progress, services };
}

/** One that is started again was mended by a person. */
function withoutRefusal(progress: BootProgress, service: string): BootProgress {
  const { end } = progress;
  return end?.kind === 'fatal' && end.service === service ? { ...progress, end: undefined } : progress;
}

function withEnd(progress: BootProgress, end: BootEnd): BootProgress {
  return progress.end === undefined ? { ...progress, end } : progress;
}
