import { randomBytes } from 'node:crypto';
import { VmkitError } from '../../core/errors/errors.ts';
import { readSecret } from '../../host/read-secret.ts';
import { parseSshUrl } from '../../host/ssh/destination.ts';
import { sshHost } from '../../host/ssh/ssh-host.ts';
import { hostName } from '../../reach/host-name.ts';
import { lookAtPrefs } from '../../reach/look/at-host.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { componentHere } from '../../tailnet/component-here.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import { withPeerNode } from '../../tailnet/peer/peer-node.ts';
import { peerOnHost } from '../../tailnet/peer/peer-tailscale.ts';
import { buildContext, type VerbContext } from '../step.ts';
import { mintKeyFor } from '../tailnet/mint-key.ts';

/** Who looks from the tailnet: a node of vmkit's own on this computer, the Tailscale of the machine's host, a host by ssh (`ssh://[USER@]HOST[:PORT]`), or nobody. */
export type PeerKind = 'node' | 'host' | 'none' | `ssh://${string}`;

/** The value of `--from`. Throws `bad-usage`. */
export function peerKind(text: string | undefined): PeerKind | undefined {
  if (text === undefined || text === 'node' || text === 'host' || text === 'none') return text;
  if (text.startsWith('ssh://')) return `ssh://${parseSshUrl(text).url.slice('ssh://'.length)}`;
  throw new VmkitError('usage', 'bad-usage', `--from ${text}: expected node, host, none or ssh://[USER@]HOST[:PORT].`, {
    hint: '--from ssh://me@laptop',
  });
}

/**
 * Starts a peer beside `work`, which awaits it where it needs it: joining takes seconds in which much can be looked at. `work` gets undefined where nobody looks.
 * Without a kind, a node of vmkit's own where there is a key for it.
 */
export async function withPeer<T>(
  spec: VmSpec,
  kind: PeerKind | undefined,
  context: VerbContext,
  work: (peer: Promise<Peer> | undefined) => Promise<T>,
): Promise<T> {
  const authKey = kind === undefined || kind === 'node' ? await peerKey(spec, context) : undefined;
  const chosen = kind ?? (authKey === undefined ? 'none' : 'node');
  if (chosen === 'none') return work(undefined);
  if (chosen === 'host' || chosen === context.host.name) {
    const host = { ...context.host, name: hostName(context.host) };
    return work(handled(peerOnHost(host, true, context.signal)));
  }
  if (chosen !== 'node') return work(handled(peerOnHost(sshHost(chosen), false, context.signal)));
  if (authKey === undefined) {
    throw new VmkitError(
      'usage',
      'secret-not-given',
      'The node that probe starts joins the tailnet by an auth key, and none was given.',
      {
        hint: `TS_AUTHKEY=file:PATH vmkit probe ${spec.name}, with a reusable or ephemeral key; or --from none`,
      },
    );
  }
  const tailnet = await tailnetOf(spec, context);
  // Where neither the machine nor its host is in a tailnet, no peer could tell anything.
  return tailnet === undefined ? work(undefined) : besideNode(tailnet, authKey, buildContext(context), work);
}

/** A key for a node of vmkit's own: given, or made. */
async function peerKey({ services }: VmSpec, context: VerbContext): Promise<string | undefined> {
  const given = await readSecret('TS_AUTHKEY', context.builder.host);
  const node = services.find((service) => service.node !== undefined)?.node;
  return given ?? (node === undefined ? undefined : mintKeyFor(node, 'probe', context));
}

/** Which tailnet a peer joins: the machine's, else its host's, which may lead to it. */
async function tailnetOf(
  { services }: Pick<VmSpec, 'services'>,
  context: VerbContext,
): Promise<{ readonly loginServer: string | undefined } | undefined> {
  const node = services.find((service) => service.node !== undefined)?.node;
  if (node !== undefined) return node;
  const prefs = await lookAtPrefs(context);
  return prefs === undefined ? undefined : { loginServer: prefs.ControlURL };
}

/** The node stays until `work` is over; its failure is that of whoever awaits it. */
async function besideNode<T>(
  { loginServer }: { readonly loginServer: string | undefined },
  authKey: string,
  context: VerbContext,
  work: (peer: Promise<Peer>) => Promise<T>,
): Promise<T> {
  const tailscale = await componentHere('tailscale', context);
  const tailscaled = await componentHere('tailscaled', context);
  const hostname = `vmkit-probe-${randomBytes(3).toString('hex')}`;
  const request = { tailscale, tailscaled, loginServer, authKey, hostname };
  let isOver = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    isOver = resolve;
  });
  const stop = new AbortController();
  let lifetime: Promise<void> = Promise.resolve();
  let hasJoined = false;
  const peer = new Promise<Peer>((resolve, reject) => {
    const inner = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) };
    lifetime = withPeerNode(request, inner, async (joined) => {
      hasJoined = true;
      resolve(joined);
      await over;
    }).catch(reject);
  });
  try {
    return await work(handled(peer));
  } finally {
    isOver();
    // Nobody waits for it any more.
    if (!hasJoined) stop.abort();
    await lifetime;
  }
}

/** A failure before anybody awaits it is no stray rejection. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
