import { poll } from '../../core/deadline.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { parseGuestEvent } from '../../spec/guest-event.ts';
import type { MachineState } from '../state/state.ts';

/** Its watch looks every five seconds (init/watch/clock.ts). */
const SET_WITHIN_MS = 60_000;

/** Seconds since power-on at which a guest said its last event. Pure. */
export function lastUptime(events: string): number {
  return events.split('\n').reduce((last, line) => Math.max(last, parseGuestEvent(line, [])?.uptime ?? 0), 0);
}

/** Waits until a guest that stood still says that it has set its clock; notes where it does not. `since`: what it said before, in seconds since power-on. */
export async function waitForClock(
  { name, services }: MachineState,
  since: number,
  { eventsLog }: MachinePaths,
  { host, signal, report }: Context,
): Promise<void> {
  const log = host.log(eventsLog);
  try {
    report({ kind: 'phase', text: 'waits until it has set its clock' });
    const isSet = async (): Promise<true | undefined> => {
      let said: true | undefined;
      for await (const line of log.lines()) {
        const event = parseGuestEvent(line, services);
        if (event?.event === 'clock' && event.uptime > since) said = true;
      }
      return said;
    };
    if ((await poll(isSet, { withinMs: SET_WITHIN_MS, everyMs: 100, signal })) === true) return;
    const text = `${name} has not said that it set its clock: vmkit exec ${name} -- date`;
    report({ kind: 'note', text });
  } finally {
    await log.close();
  }
}
