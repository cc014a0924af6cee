import * as z from 'zod';
import type { ErrorCode } from '../core/errors/error-codes.ts';

/** The name of the virtio port on which the guest says its events, and where the guest has it: as udev would name it. */
export const EVENT_PORT = { name: 'vmkit.events', device: '/dev/virtio-ports/vmkit.events' } as const;

/** What stage 1 prints on the console where there is no such port: the one thing that it cannot say there. */
export const NO_EVENT_PORT = 'vmkit: no event port';

/** The points that a boot passes, in order; clock-set only where the clock was wrong. */
export const PHASES = ['init', 'root', 'secrets', 'clock-set', 'clock', 'network', 'data-disk', 'supervisor'] as const;

/** Why stage 1 refuses to go on. */
const FATAL_CODES = [
  'clock-wrong',
  'components-missing',
  'components-unreadable',
  'data-disk-damaged',
  'data-disk-foreign',
  'data-disk-missing',
  'data-disk-truncated',
  'data-disk-unknown',
  'data-disk-unmountable',
  'data-file-in-the-way',
  'memory-limit-refused',
  'modules-foreign',
  'modules-missing',
  'modules-unreadable',
  'network-failed',
  'network-missing',
  'network-swapped',
  'root-missing',
  'root-unreadable',
  'secrets-missing',
  'secrets-unreadable',
  'setting-refused',
] as const satisfies readonly ErrorCode[];
type FatalCode = (typeof FATAL_CODES)[number];

/** How stage 1 says that it refuses: the name of its function and the code; the message follows. */
export function fatal(code: FatalCode): string {
  return `fatal ${code}`;
}

/** Why a service refuses its data. */
const REFUSAL_CODES = [
  'data-not-whole',
  'data-of-other-version',
  'program-of-other-version',
] as const satisfies readonly ErrorCode[];

/** How a service's `setup` says that it refuses (init/supervise.ts), once it has read the library; the message follows. */
export function refuse(service: string, code: (typeof REFUSAL_CODES)[number]): string {
  return `refuse ${service} ${code}`;
}

/** A guest may say any code. One that its scripts do not have is no word of ours: it becomes a part of the message. */
export function refusalOf(code: string, message: string): { readonly code: ErrorCode; readonly message: string } {
  const known = [...FATAL_CODES, ...REFUSAL_CODES].find((each) => each === code);
  return known === undefined ? { code: 'guest-refused', message: `${code}: ${message}` } : { code: known, message };
}

/** Seconds since the kernel started, from /proc/uptime. */
const uptime = z.number().nonnegative();
const service = z.string().max(64);
const refusal = { code: z.string().regex(/^[a-z][a-z-]{1,40}$/), message: z.string().max(4096), uptime };

/**
 * What the guest says on its port, one line of JSON each: `{"event":"ready","service":"postgres","uptime":2.41}`. It is the guest's word: each text has its
 * longest length here, and whoever reads it knows which services there are.
 * - phase: stage 1 passed a point.
 * - start, ready, exit: of a service. exit carries the daemon's exit code (128 + N after signal N), and `outOfMemory` where the kernel killed it for want
 *   of memory: its limit, or without one the machine's.
 * - late: the service missed the deadline of its readiness, or ends again and again before it is ready (`reason`); `log` is the end of its log, base64.
 * - unready: a service that was ready does not answer any more; when it does, it says ready again. `log` as above.
 * - clock: the machine had stood still, and its clock was set forward by so many seconds.
 * - booted: every service is ready.
 * - state: how it all stands now, said again from time to time, so that a reader needs only the newest events.
 * - fatal: stage 1 refuses to go on; `code` is one of FATAL_CODES, `message` is for people.
 * - refused: a service does not touch the data that it found, and is not started again; `code` is one of REFUSAL_CODES.
 * - stopping, stopped: of a service, or of the machine where `service` is absent.
 */
export const guestEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('phase'), phase: z.enum(PHASES), uptime }),
  z.object({ event: z.literal('start'), service, uptime }),
  z.object({ event: z.literal('ready'), service, uptime }),
  z.object({
    event: z.literal('exit'),
    service,
    uptime,
    code: z.int().min(0).max(511),
    outOfMemory: z.object({ limitMib: z.int().positive().optional() }).optional(),
  }),
  z.object({
    event: z.literal('late'),
    service,
    uptime,
    waitingFor: service.optional(),
    reason: z.literal('crash-loop').optional(),
    log: z.string().max(8192),
  }),
  z.object({ event: z.literal('unready'), service, uptime, log: z.string().max(8192) }),
  z.object({ event: z.literal('clock'), uptime, forward: z.number().nonnegative() }),
  z.object({ event: z.literal('booted'), uptime }),
  z.object({
    event: z.literal('state'),
    uptime,
    isBooted: z.boolean(),
    services: z.record(service, z.enum(['starting', 'ready', 'unready', 'ended'])),
  }),
  z.object({ event: z.literal('fatal'), ...refusal }),
  z.object({ event: z.literal('refused'), service, ...refusal }),
  z.object({ event: z.literal('stopping'), service: service.optional(), uptime }),
  z.object({ event: z.literal('stopped'), service: service.optional(), uptime, forced: z.boolean().optional() }),
]);

export type GuestEvent = z.infer<typeof guestEvent>;

/** The event in a line; undefined for every other line, and for one that names a service that the machine does not have. */
export function parseGuestEvent(line: string, services: readonly string[]): GuestEvent | undefined {
  try {
    const event = guestEvent.safeParse(JSON.parse(line)).data;
    const named = event !== undefined && 'service' in event ? event.service : undefined;
    return named === undefined || services.includes(named) ? event : undefined;
  } catch {
    return undefined;
  }
}
