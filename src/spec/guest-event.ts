import * as z from 'zod';

/** The prefix of a console line that carries an event. */
export const EVENT_PREFIX = 'vmkit-event ';

/** Seconds since the kernel started, from /proc/uptime. */
const uptime = z.number().nonnegative();

/**
 * What the guest says on its console, one line each: `vmkit-event {"event":"ready","service":"postgres","uptime":2.41}`.
 * - phase: stage 1 and the supervisor passed a point: init, network, clock, data-disk, secrets, root, supervisor.
 * - start, ready, exit: of a service. exit carries the daemon's exit code (128 + N after signal N).
 * - late: the service missed the deadline of its readiness, or ends again and again before it is ready (`reason`); `log` is the end of its log, base64.
 * - unready: a service that was ready does not answer any more; when it does, it says ready again. `log` as above.
 * - clock: the machine had stood still, and its clock was set forward by so many seconds.
 * - booted: every service is ready.
 * - fatal: stage 1 refuses to go on; `code` is stable (data-disk-missing, data-disk-foreign, ...), `message` is for people.
 * - stopping, stopped: of a service, or of the machine where `service` is absent.
 */
export const guestEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('phase'), phase: z.string(), uptime }),
  z.object({ event: z.literal('start'), service: z.string(), uptime }),
  z.object({ event: z.literal('ready'), service: z.string(), uptime }),
  z.object({ event: z.literal('exit'), service: z.string(), uptime, code: z.number() }),
  z.object({
    event: z.literal('late'),
    service: z.string(),
    uptime,
    waitingFor: z.string().optional(),
    reason: z.literal('crash-loop').optional(),
    log: z.string(),
  }),
  z.object({ event: z.literal('unready'), service: z.string(), uptime, log: z.string() }),
  z.object({ event: z.literal('clock'), uptime, forward: z.number() }),
  z.object({ event: z.literal('booted'), uptime }),
  z.object({ event: z.literal('fatal'), code: z.string(), message: z.string(), uptime }),
  z.object({ event: z.literal('stopping'), service: z.string().optional(), uptime }),
  z.object({ event: z.literal('stopped'), service: z.string().optional(), uptime, forced: z.boolean().optional() }),
]);

export type GuestEvent = z.infer<typeof guestEvent>;

/** The event in a console line; undefined for every other line. */
export function parseGuestEvent(line: string): GuestEvent | undefined {
  const at = line.indexOf(EVENT_PREFIX);
  if (at < 0) return undefined;
  try {
    return guestEvent.safeParse(JSON.parse(line.slice(at + EVENT_PREFIX.length))).data;
  } catch {
    return undefined;
  }
}
