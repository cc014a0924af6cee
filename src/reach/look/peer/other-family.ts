import type { Dial, PeerFacts } from '../../facts.ts';
import { isSilentBeside } from '../../families.ts';
import { type Asked, type From, ofFamily } from './dial-from.ts';
import { peerDial } from './dial-observation.ts';

/** The other family of addresses is dialled twice before it is called silent, the second time while all is watched. */
const OTHER_MS = 3_000;

/** A packet may have been lost, or the guest was busy: that is worth another look. */
export function isOneSilent({ dials, otherFamily }: Pick<PeerFacts, 'dials' | 'otherFamily'>): boolean {
  return [...dials].some(([port, dial]) => {
    const other = otherFamily?.dials.get(port);
    return other !== undefined && isSilentBeside(dial, other);
  });
}

/** By the machine's address of the other family; undefined where the peer has none of that family. */
export async function dialOther(
  { peer, own, left }: From,
  node: string,
  requests: readonly Asked[],
): Promise<PeerFacts['otherFamily']> {
  const ownAddress = ofFamily(own, node);
  if (ownAddress === undefined) return undefined;
  const dials = requests.map(async ([port, request]): Promise<readonly [number, Dial]> => {
    const to = { address: node, port };
    return [port, peerDial(to, await peer.dial(to, request, left(OTHER_MS)))];
  });
  return { node, from: ownAddress, dials: new Map(await Promise.all(dials)) };
}

/** Once more, while all is watched. */
export async function followOther(
  from: From,
  node: string,
  requests: readonly Asked[],
): Promise<PeerFacts['otherFamily']> {
  await from.watcher.ready();
  from.watcher.keep();
  return dialOther(from, node, requests);
}
