import { isIpv6 } from '../../../core/addresses/ipv6.ts';
import type { TimeLeft } from '../../../core/deadline.ts';
import { type DialEnd, type DialRequest, isAnswered } from '../../../net/dial.ts';
import type { Endpoint } from '../../../net/endpoint.ts';
import { questionTo } from '../../../net/question.ts';
import type { ServicePort } from '../../../spec/service.ts';
import type { Peer } from '../../../tailnet/peer/peer.ts';
import { type Served, type TailscaleStatus, withoutDot } from '../../../tailnet/tailscale-json.ts';
import { SLOWER_MS } from '../../degraded.ts';
import type { Dial } from '../../facts.ts';
import { peerDial } from './dial-observation.ts';
import { dialFollowed, type Watcher } from './followed-dial.ts';
import { followRedirect } from './redirect.ts';

/** For a whole answer. */
export const DIAL_MS = 6_500;
/** For the pages that an answer sends one on to. */
const REDIRECT_MS = 4_000;

/** Who dials, and what is watched meanwhile. */
export interface From {
  readonly peer: Peer;
  /** Its own addresses in the tailnet. */
  readonly own: readonly string[];
  readonly watcher: Watcher;
  /** Of the time for all, for a first dial: some seconds at the least. */
  readonly left: TimeLeft;
  /** The same for what is asked besides: next to nothing where the time is over. */
  readonly spare: TimeLeft;
}

export async function dialFrom(
  { peer, watcher, left }: From,
  to: Endpoint,
  request: DialRequest,
  withinMs: number,
): Promise<Dial> {
  const dialOnce = (within: number): Promise<DialEnd> => peer.dial(to, request, within);
  const end = await dialFollowed(dialOnce, isAnswered, left(withinMs), watcher);
  return { ...peerDial(to, end), redirect: await followRedirect(peer, to, request, end, left(REDIRECT_MS)) };
}

/** A port, and what its server is asked. */
export type Asked = readonly [port: number, request: DialRequest];

/** A computer that was busy with the probe's own questions is no slow one: what was answered slowly is asked once more, after the dials. */
export async function askSlowAgain(
  { peer, spare }: { readonly peer: Pick<Peer, 'dial'>; readonly spare: TimeLeft },
  address: string,
  requests: readonly Asked[],
  dials: ReadonlyMap<number, Dial>,
): Promise<ReadonlyMap<number, Dial>> {
  const asked = requests.map(async ([port, request]): Promise<readonly [number, Dial | undefined]> => {
    const dial = dials.get(port);
    const { wholeMs = 0 } = dial ?? {};
    if (dial === undefined || !isAnswered(dial) || wholeMs < SLOWER_MS) return [port, dial];
    const to = { address, port };
    const end = await peer.dial(to, request, spare(wholeMs));
    const isFaster = isAnswered(end) && (end.wholeMs ?? Number.POSITIVE_INFINITY) < wholeMs;
    return [port, isFaster ? { ...peerDial(to, end), redirect: dial.redirect } : dial];
  });
  return new Map((await Promise.all(asked)).flatMap(([port, dial]) => (dial === undefined ? [] : [[port, dial]])));
}

/** What makes a server speak first. Web handlers of serve are found by the node's name. */
export function requestFor(
  port: number,
  served: readonly Served[],
  status: TailscaleStatus | undefined,
  protocol: ServicePort['protocol'],
): DialRequest {
  const name = withoutDot(status?.Self.DNSName ?? '');
  const entry = served.find((each) => each.port === port);
  const isTls = entry?.as === 'https';
  return { ...questionTo(protocol, name, entry?.path), tlsName: isTls ? name : undefined };
}

/** The one of the same family as another address. */
export function ofFamily(addresses: readonly string[], as: string | undefined): string | undefined {
  return as === undefined ? undefined : addresses.find((each) => isIpv6(each) === isIpv6(as));
}
