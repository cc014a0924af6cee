import type { TailscaleStatus } from '../tailscale-json.ts';
import { withoutDot } from '../tailscale-json.ts';

/** Of the watchdog where tailscaled is stuck: that of the errors of kind `unreachable`. */
export const WATCH_EXIT_CODE = 6;

/** One look at a tailscaled. */
export interface Look {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Undefined: it does not answer at its socket. */
  readonly status: TailscaleStatus | undefined;
  /** Whether its control server answers this computer itself: then the uplink works. */
  readonly isUplink: boolean;
}

/** How long a session of WireGuard lasts (REJECT_AFTER_TIME): one that works has a handshake every two minutes, and none between. */
const SESSION_MS = 180_000;

/** What a look takes at most, with room for a busy computer. */
const LONGEST_LOOK_MS = 60_000;

/** What is kept from one look to the next; both moments in milliseconds since 1970. */
export interface Watched {
  readonly lookedAt: number;
  /** When it was last seen to work, or could not work. */
  readonly aliveAt: number;
}

interface Patience {
  readonly patienceMs: number;
  readonly everyMs: number;
}

/**
 * Whether tailscaled is stuck: for so long nothing was heard of its control server and of no peer, while this computer itself reached that server. A computer that slept,
 * or whose clock was set, begins anew: tailscaled gets the same time to come back by itself. Pure.
 */
export function judgeLook(
  look: Look,
  before: Watched,
  { patienceMs, everyMs }: Patience,
): { readonly watched: Watched; readonly stuck: string | undefined } {
  const { at, status, isUplink } = look;
  const gap = at - before.lookedAt;
  const hasJumped = gap < 0 || gap > 2 * everyMs + LONGEST_LOOK_MS;
  const isAlive = hasJumped || !isUplink || signOfLife(status, at, patienceMs) !== undefined;
  const aliveAt = isAlive ? at : before.aliveAt;
  const watched = { lookedAt: at, aliveAt };
  if (at - aliveAt < patienceMs) return { watched, stuck: undefined };
  const seen =
    status === undefined ? 'it did not answer at its socket' : 'no control connection, and no handshake of a peer';
  return { watched, stuck: `for ${spell(at - aliveAt)}: ${seen}, while the control server answered this computer` };
}

/** What says that a tailscaled works, or that somebody wants it not to. Undefined: nothing. Pure. */
export function signOfLife(status: TailscaleStatus | undefined, at: number, patienceMs: number): string | undefined {
  if (status === undefined) return undefined;
  const { BackendState: state, Self: self, Peer: peers } = status;
  if (state !== 'Running' && state !== 'Starting') return `it is ${state}`;
  if (self.Online === true) return 'it has its control server';
  const fresh = Math.max(patienceMs, SESSION_MS);
  const heard = Object.values(peers ?? {}).find(
    ({ LastHandshake: last }) => last !== undefined && Math.abs(at - Date.parse(last)) < fresh,
  );
  return heard === undefined ? undefined : `a handshake with ${withoutDot(heard.DNSName) || heard.HostName}`;
}

function spell(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
