import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../host/context.ts';
import { withGuest } from '../../machine/guest.ts';
import { servedFor } from '../../reach/checks/node.ts';
import { proxyServedFor } from '../../reach/checks/proxy.ts';
import type { Facts } from '../../reach/facts.ts';
import { peerRoute, routeQuestions, toRoutes } from '../../reach/follow/route-question.ts';
import { type Routes, readWatched, type Watched } from '../../reach/follow/seen/sightings.ts';
import type { Place } from '../../reach/follow/step.ts';
import type { Watches } from '../../reach/follow/steps.ts';
import { endWatchScript, watchingIn, watchScript } from '../../reach/follow/watch/watch-script.ts';
import type { Watcher } from '../../reach/look/peer/followed-dial.ts';
import { IN_GUEST, ON_HOST, observeScript, readObservations } from '../../reach/observation.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import type { OpenedShell } from './guest-shell.ts';

/** It is ended when all have dialled; where that cannot be told, it ends by itself. */
const WATCH_SECONDS = 15;
/** A connection is tried a second and a third time after 1 s and 3 s (Linux): the first two tries of one, and some of what is said on it. */
const ENOUGH_SECONDS = 3;
/** A guest without KVM takes three seconds to make a table, and two to read it; on an overloaded computer more, which is no reason to know less. */
const READY_MS = 12_000;
const READ_MS = 8_000;
const WATCH_MS = 35_000;
const ROUTES_MS = 5_000;
const END_MS = 2_000;

type WatchedPlace = readonly [Place, Run, typeof IN_GUEST];
type Run = (script: string, withinMs: number, onLine?: (line: string) => void) => Promise<string>;

export interface Around {
  readonly before: Facts;
  readonly opened: Promise<OpenedShell>;
  readonly peer: Promise<Peer> | undefined;
  /** UDP ports that lead into the machine by tunnels of its own. */
  readonly tunnelPorts: readonly number[];
}

/** Watches the machine's ports in the guest, at the peer, on this host and in the machine that routes, once, when somebody first asks for it. */
export function watcherOf(around: Around, context: Context): Watcher & { seen(): Promise<Watches | undefined> } {
  let begun: ReturnType<typeof watchAll> | undefined;
  const over = new AbortController();
  let isReady = false;
  let isKept = false;
  const watch = async (): ReturnType<typeof watchAll> => {
    const all = await watchAll(around, over.signal, context);
    all.ready.then(
      () => {
        isReady = true;
      },
      () => undefined,
    );
    return all;
  };
  const begin = (): ReturnType<typeof watchAll> => {
    if (begun !== undefined) return begun;
    begun = watch();
    // Whoever begins it need not wait for it.
    begun.catch(() => undefined);
    return begun;
  };
  return {
    begin: () => void begin(),
    ready: async () => {
      await (await begin()).ready;
    },
    isReady: () => isReady,
    keep: () => {
      isKept = true;
    },
    // Everybody has dialled by then: nothing more is waited for.
    seen: async () => {
      over.abort();
      return isKept ? (await begun)?.seen : undefined;
    },
  };
}

interface Begun {
  readonly place: Place;
  readonly ready: Promise<void>;
  /** Undefined: nobody could watch there, or what was dialled at that time was not seen. */
  readonly seen: (dialledAt: number) => Promise<Watched | undefined>;
}

/** Guests first, which take seconds to begin: elsewhere the time to watch would be over by then. */
async function watchAll(
  around: Around,
  over: AbortSignal,
  context: Context,
): Promise<{ ready: Promise<unknown>; seen: Promise<Watches> }> {
  const places = await placesOf(around, context);
  const begin = (wanted: boolean): Begun[] =>
    places.filter(([place]) => isGuest(place) === wanted).map((each) => watch(each, around, over));
  const inGuests = begin(true);
  const all = untilReady(inGuests).then(async () => {
    if (over.aborted) return inGuests;
    const others = begin(false);
    await untilReady(others);
    return [...inGuests, ...others];
  });
  const seen = all.then(async (watches) => {
    const dialledAt = performance.now();
    return Promise.all(watches.map(async ({ place, seen }) => [place, await seen(dialledAt)] as const));
  });
  return { ready: all, seen: seen.then(toWatches) };
}

function isGuest(place: Place): boolean {
  return place === 'guest' || place === 'router';
}

async function untilReady(watches: readonly Begun[]): Promise<void> {
  const stop = new AbortController();
  const late = sleep(READY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  await Promise.race([Promise.all(watches.map((each) => each.ready)), late]);
  stop.abort();
}

function watch([place, run, { path }]: WatchedPlace, { before, tunnelPorts }: Around, over: AbortSignal): Begun {
  const { port, hostPort } = before.target;
  const served = [servedFor(before)?.port, proxyServedFor(before)?.port];
  const services = [...new Set([port, hostPort, ...served].filter((each) => each !== undefined))];
  const ports = [...new Set([...services, ...tunnelPorts])];
  let isReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  let since = Number.POSITIVE_INFINITY;
  let folder: string | undefined;
  const onLine = (line: string): void => {
    folder ??= watchingIn(line);
    if (folder === undefined || since !== Number.POSITIVE_INFINITY) return;
    since = performance.now();
    isReady();
  };
  const printed = run(watchScript(ports, WATCH_SECONDS, { isGuest: isGuest(place), path }), WATCH_MS, onLine)
    .catch(() => '')
    .finally(isReady);
  const end = async (): Promise<void> => {
    if (folder !== undefined) await run(endWatchScript(folder), END_MS);
  };
  const isOver = new Promise<void>((resolve) => {
    if (over.aborted) resolve();
    over.addEventListener('abort', () => resolve(), { once: true });
  });
  Promise.all([isOver, ready])
    .then(end)
    .catch(() => undefined);
  const tooLate = isOver.then(() => sleep(READ_MS, '', { ref: false }));
  const seen: Begun['seen'] = async (dialledAt) => {
    const watched = readWatched(await Promise.race([printed, tooLate]), ports);
    // Of what it did not see from its beginning it says nothing.
    const isInTime = since <= dialledAt && since + (WATCH_SECONDS - ENOUGH_SECONDS) * 1000 >= dialledAt;
    if (watched === undefined || !isInTime) return undefined;
    return { ...watched, routes: await askRoutes(watched, services, place, run, before) };
  };
  return { place, ready, seen };
}

/** What the routes say of a connection that was not taken; undefined where there was none, or nobody answers. */
async function askRoutes(
  { sightings, mark }: Watched,
  ports: readonly number[],
  place: Place,
  run: Run,
  before: Facts,
): Promise<Routes | undefined> {
  const questions = place === 'peer' ? peerRoute(before) : routeQuestions(sightings, mark, ports);
  if (questions === undefined) return undefined;
  // What it said before the time was over counts.
  const lines: string[] = [];
  const script = observeScript(questions, isGuest(place) ? IN_GUEST : ON_HOST);
  const printed = await run(script, ROUTES_MS, (line) => void lines.push(line)).catch(() => lines.join('\n'));
  const found = readObservations(printed, questions, place);
  return toRoutes(found);
}

function toWatches(all: readonly (readonly [Place, Watched | undefined])[]): Watches {
  return Object.fromEntries(all.filter(([, watched]) => watched !== undefined));
}

/** This host only where root is had without a question. */
async function placesOf(
  { opened, peer, before: { proxy, router }, tunnelPorts }: Around,
  context: Context,
): Promise<WatchedPlace[]> {
  const { host, signal } = context;
  const onHost: Run = async (input, withinMs, onLine) => {
    const { isRoot } = await host.facts();
    const argv = isRoot ? ['sh'] : ['sudo', '-n', '--', 'sh'];
    return (await host.exec(argv, { input, withinMs, onLine, signal })).stdout;
  };
  const inRouter =
    (machine: string): Run =>
    async (input, withinMs, onLine) =>
      (await withGuest(machine, context, (guest) => guest.exec(['sh'], { input, withinMs, onLine, signal }))).stdout;
  const { shell } = await opened;
  const places: WatchedPlace[] = [];
  // The console serves one at a time, and tells nothing before the end.
  if (shell?.by === 'ssh') places.push(['guest', shell.run, IN_GUEST]);
  // Who has not joined does not dial either.
  const joined = await Promise.race([peer?.catch(() => undefined), sleep(0)]);
  if (joined?.asRoot !== undefined) places.push(['peer', joined.asRoot, ON_HOST]);
  if (proxy !== undefined || tunnelPorts.length > 0) places.push(['host', onHost, ON_HOST]);
  if (router?.machine !== undefined) places.push(['router', inRouter(router.machine), IN_GUEST]);
  return places;
}
