import { setTimeout as sleep } from 'node:timers/promises';
import { VmkitError } from '../../../core/errors/errors.ts';
import { GUEST_SEARCH_PATH } from '../../../core/guest-paths.ts';
import { parseJson } from '../../../core/text/json.ts';
import type { Peer } from '../../../tailnet/peer/peer.ts';
import { type TailscaleStatus, tailscaleStatus } from '../../../tailnet/tailscale-json.ts';
import type { PeerFacts } from '../../facts.ts';
import type { Observation } from '../../observation.ts';

/** What a peer's own Tailscale says of the guest's node, and whether packets of both reach each other. */

/** The largest message of a tunnel whose MTU is 1280: 16 bytes of WireGuard's header before it, 16 of its tag behind. */
export const LARGEST = 1312;

/** Runs a script in the guest. */
export type InGuest = (script: string, withinMs: number) => Promise<string>;

export async function observe(peer: Peer, args: readonly string[]): Promise<Observation> {
  const { exitCode, stdout, stderr } = await peer.tailscale(args, { withinMs: 8_000 });
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: `${stdout}${stderr}`.trim(), exitCode };
}

/** What the peer's Tailscale says of the node. One that has just joined may hear of others a moment later. */
export async function knownTo(
  peer: Peer,
  address: string,
): Promise<Pick<PeerFacts, 'status' | 'knowsNode' | 'resolvesNames'>> {
  let status = await observe(peer, ['status', '--json']);
  let seen = parseJson(status.output, tailscaleStatus);
  for (let tried = 0; tried < 4 && seen !== undefined && !knows(seen, address); tried++) {
    await sleep(250);
    status = await observe(peer, ['status', '--json']);
    seen = parseJson(status.output, tailscaleStatus);
  }
  if (seen === undefined) return { status, knowsNode: undefined, resolvesNames: undefined };
  return { status, knowsNode: knows(seen, address), resolvesNames: seen.CurrentTailnet?.MagicDNSEnabled };
}

function knows({ Self, Peer }: TailscaleStatus, address: string): boolean {
  const nodes = [Self, ...Object.values(Peer ?? {})];
  return nodes.some(({ TailscaleIPs }) => TailscaleIPs?.includes(address));
}

/** Ends with the first pong, unless it waits for a direct path: `tailscale ping` itself goes on then. */
export async function pingFrom(peer: Peer, address: string, options: readonly string[]): Promise<Observation> {
  const args = ['ping', ...options, address];
  const waits = !options.includes('--until-direct=false');
  const lines: string[] = [];
  const answered = new AbortController();
  const onLine = (line: string): void => {
    lines.push(line);
    if (line.startsWith('pong from ') && !(waits && line.includes(' via DERP('))) answered.abort();
  };
  const exitCode = await peer
    .tailscale(args, { withinMs: 9_000, onLine, signal: answered.signal })
    .then((ended) => ended.exitCode)
    .catch((error: unknown) => {
      if (answered.signal.aborted) return 0;
      if (error instanceof VmkitError && error.code === 'tool-timeout') return 1;
      throw error;
    });
  return { vantage: 'peer', command: `tailscale ${args.join(' ')}`, output: lines.join('\n').trim(), exitCode };
}

/** The guest pings the peer with the largest message: answers of the service may be small. */
export async function pingBack(
  own: string | undefined,
  inGuest: InGuest,
  withinMs: number,
): Promise<Observation | undefined> {
  if (own === undefined) return undefined;
  const command = `tailscale ping --c=2 --timeout=2s --until-direct=false --size=${LARGEST} ${own}`;
  const output = await inGuest(`PATH=${GUEST_SEARCH_PATH}; timeout 7 ${command} 2>&1`, withinMs).catch(() => undefined);
  if (output === undefined) return undefined;
  return { vantage: 'guest', command, output: output.trim(), exitCode: /^pong from /m.test(output) ? 0 : 1 };
}

export function pongs({ output }: Observation): boolean {
  return /^pong from /m.test(output);
}
