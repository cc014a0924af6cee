import { parseJson } from '../../core/text/json.ts';
import { tailscaleStatus } from '../../tailnet/tailscale-json.ts';
import type { Facts } from '../facts.ts';

/** What both ends of the tailnet say of themselves and of their path, for a finding's evidence: what tailscaled complains of, and what the peer knows of the node. */
export function saidByNodes({ guest, peer }: Pick<Facts, 'guest' | 'peer'>): string[] {
  const seen = parseJson(peer?.status?.output, tailscaleStatus);
  const [address = ''] = guest?.status?.Self.TailscaleIPs ?? [];
  const node = Object.values(seen?.Peer ?? {}).find(({ TailscaleIPs }) => TailscaleIPs?.includes(address));
  const path = node?.CurAddr === '' ? `relay ${node.Relay || 'none'}` : `direct, ${node?.CurAddr}`;
  const handshake = node?.LastHandshake?.startsWith('0001') === false ? node.LastHandshake : 'none';
  return [
    ...(node === undefined ? [] : [`the peer's path to the node: ${path}; last handshake: ${handshake}`]),
    ...complaints('the guest', guest?.status?.Health),
    ...complaints('the peer', seen?.Health),
  ];
}

function complaints(who: string, health: readonly string[] | null | undefined): string[] {
  return health === null || health === undefined || health.length === 0
    ? []
    : [`Tailscale of ${who} says: ${health.join(' ')}`];
}
