import { setTimeout as sleep } from 'node:timers/promises';
import type { Measure, Row } from '../measure.ts';
import { RESOLVERS, SERVICE_PORT, type Sleeper, type SleepWorld, withSleepers } from '../sleep-world.ts';
import { type Dialler, startDialler } from '../tailnet-world.ts';

const SLEEP_SECONDS = 240;
const WITHIN_SECONDS = 240;
/** A fifth of what the unit has: one that acts too early shows here. */
const PATIENCE = '60s';

/** What became of one computer after an event: seconds until a peer got bytes, and until the control server was heard; undefined: not in time, null: not asked. */
interface Back {
  readonly path: number | undefined;
  readonly control: number | undefined | null;
  readonly restarts: number;
}

/**
 * Long sleep and its kin on a computer itself: tailscaled under TUN and with userspace networking, each by itself and watched; what happens to the one happens to all, at
 * the same moment. A peer dials each of them without a pause.
 */
export const longSleep: Measure = {
  name: 'sleep',
  run: () =>
    withSleepers(PATIENCE, async (world) => {
      const dialled = new Map<Sleeper, Dialler>();
      for (const each of world.sleepers) dialled.set(each, startDialler(world.peer, each.address, SERVICE_PORT));
      const measure = async (happen: (sleeper: Sleeper) => Promise<string | undefined>): Promise<Back[]> => {
        const all = await Promise.all(world.sleepers.map((each) => whenBack(each, happen, dialled.get(each), world)));
        await sleep(15_000);
        return all;
      };
      try {
        await measure(async () => undefined);
        for (const each of world.sleepers) each.signalAll('SIGSTOP');
        await sleep(SLEEP_SECONDS * 1000);
        const slept = await measure(async (each) => void each.signalAll('SIGCONT'));
        const rebound = await measure((each) => each.rebind());
        const moved = await measure((each) => each.changeUplink());
        world.endFirstResolver();
        const renamed = await measure(async (each) => {
          await each.setResolver(RESOLVERS[1]);
          return each.rebind();
        });
        const hung = await measure(async (each) => void each.signalDaemon('SIGSTOP'));
        return [
          rowOf(
            `a computer that slept ${SLEEP_SECONDS / 60} min`,
            slept,
            'SIGSTOP, SIGCONT of tailscaled and watchdog',
          ),
          rowOf('its router got another address', rebound, 'NAT, which forgot all mappings and says so to nobody'),
          rowOf('another uplink', moved, 'interface down; another interface, route and NAT'),
          rowOf('another resolver and NAT address', renamed, 'the old resolver is gone; resolv.conf rewritten'),
          rowOf('a tailscaled that hangs', hung, `SIGSTOP for good; the watchdog has --patience ${PATIENCE}`, true),
        ];
      } finally {
        for (const dialler of dialled.values()) await dialler.stop();
      }
    }),
};

async function whenBack(
  sleeper: Sleeper,
  happen: (sleeper: Sleeper) => Promise<string | undefined>,
  dialler: Dialler | undefined,
  world: SleepWorld,
): Promise<Back> {
  const before = sleeper.restarts();
  const begun = Date.now();
  const outside = await happen(sleeper);
  const [path, control] = await Promise.all([
    dialler?.secondsUntilBack(Date.now(), WITHIN_SECONDS),
    outside === undefined ? null : whenControlled(outside, begun, world),
  ]);
  return { path, control, restarts: sleeper.restarts() - before };
}

async function whenControlled(address: string, begun: number, world: SleepWorld): Promise<number | undefined> {
  while (Date.now() < begun + WITHIN_SECONDS * 1000) {
    if (await world.isControlledFrom(address)) return (Date.now() - begun) / 1000;
    await sleep(200);
  }
  return undefined;
}

/** TUN, userspace; then both watched. `isStuck`: by itself it is to stay away. */
function rowOf(what: string, all: readonly Back[], how: string, isStuck = false): Row {
  const isBack = all.map(({ path }) => path !== undefined);
  const acted = all.some(({ restarts }) => restarts > 0);
  return {
    what: `a peer gets through again after ${what}: TUN, userspace; both watched`,
    measured: all.map(textOf).join('; '),
    reach: isStuck ? 'back where it is watched' : 'comes back, and no watchdog acts',
    met: isStuck ? isBack.slice(2).every(Boolean) : isBack.every(Boolean) && !acted,
    how,
  };
}

function textOf({ path, control, restarts }: Back): string {
  const text = (value: number | undefined): string =>
    value === undefined ? `not within ${WITHIN_SECONDS / 60} min` : `${value.toFixed(1)} s`;
  const heard = control === null ? '' : ` (control ${text(control)})`;
  return `${text(path)}${heard}${restarts === 0 ? '' : ', restarted'}`;
}
