import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensureArtifact } from '../build/store.ts';
import { messageOf, VmkitError } from '../core/errors.ts';
import type { Context } from '../host/context.ts';
import { componentArtifact } from '../image/component.ts';
import { withGuest } from '../machine/guest.ts';
import { requireRunning } from '../machine/state.ts';
import type { Facts, PeerFacts, ProxyFacts, Target } from '../reach/check.ts';
import { type GuestFacts, guestScript, readGuestFacts } from '../reach/guest-facts.ts';
import { judge } from '../reach/judge.ts';
import { lookAtHost } from '../reach/look-at-host.ts';
import { lookFromPeer } from '../reach/look-from-peer.ts';
import { withPeerNode } from '../reach/peer-node.ts';
import type { ProbeReport } from '../reach/report.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { CommandContext } from './command.ts';
import { readVariable } from './given-secrets.ts';
import { runStep } from './steps.ts';

/** Who looks from the tailnet: a node of vmkit's own, or nobody. */
export type PeerKind = 'node' | 'none';

/** Looks at every way into a machine, from the guest, this host and a peer, and judges them. */
export async function probe(
  spec: VmSpec,
  target: Target,
  kind: PeerKind | undefined,
  context: CommandContext,
): Promise<ProbeReport> {
  const started = performance.now();
  const facts = await look(spec, target, kind, context);
  return {
    machine: spec.name,
    service: { name: target.name, port: target.port },
    at: new Date().toISOString(),
    tookMs: Math.round(performance.now() - started),
    vantages: [
      { vantage: 'guest', title: `${spec.name}, by ssh` },
      ...(facts.peer === undefined ? [] : [{ vantage: 'peer' as const, title: facts.peer.title }]),
    ],
    ways: judge(facts),
  };
}

/** All that can be looked at, unjudged. */
export async function look(
  spec: VmSpec,
  target: Target,
  kind: PeerKind | undefined,
  context: CommandContext,
): Promise<Facts> {
  await requireRunning(spec.name, context);
  const { guest, guestError } = await runStep(
    { title: `looks at ${spec.name}`, run: (inner) => lookAtGuest(target, inner) },
    context,
  );
  const proxy = await lookAtHost(target, context);
  const peer = guest === undefined ? undefined : await lookFromSomePeer(spec, target, { guest, proxy }, kind, context);
  return { target, guest, guestError, peer, proxy };
}

async function lookAtGuest(
  target: Target,
  context: Context,
): Promise<{ guest: GuestFacts | undefined; guestError: string | undefined }> {
  try {
    const guest = await withGuest(target.machine, context, async (host) => {
      const { stdout } = await host.exec(['sh'], { input: guestScript(target.port), withinMs: 60_000 });
      return readGuestFacts(stdout, target.port, Date.now() / 1000);
    });
    return { guest, guestError: undefined };
  } catch (error) {
    if (error instanceof VmkitError && error.kind === 'interrupted') throw error;
    return { guest: undefined, guestError: messageOf(error) };
  }
}

async function lookFromSomePeer(
  spec: VmSpec,
  target: Target,
  { guest, proxy }: { guest: GuestFacts; proxy: ProxyFacts | undefined },
  kind: PeerKind | undefined,
  context: CommandContext,
): Promise<PeerFacts | undefined> {
  const authKey = await readVariable('TS_AUTHKEY', context);
  const chosen = kind ?? (authKey === undefined ? 'none' : 'node');
  if (chosen === 'none' || guest.prefs === undefined) return undefined;
  if (authKey === undefined) {
    throw new VmkitError(
      'usage',
      'secret-not-given',
      'A peer to probe from joins the tailnet by an auth key, and none was given.',
      {
        hint: `TS_AUTHKEY=file:PATH vmkit probe ${spec.name}, with a reusable or ephemeral key; or --from none`,
      },
    );
  }
  const loginServer = guest.prefs.ControlURL;
  const hostname = `vmkit-probe-${randomBytes(3).toString('hex')}`;
  const run = async (inner: Context): Promise<PeerFacts | undefined> => {
    const [tailscale, tailscaled] = await Promise.all(
      ['tailscale', 'tailscaled'].map(async (name) => {
        const { directory } = await ensureArtifact(componentArtifact(name, spec.arch), inner);
        return join(directory, name);
      }),
    );
    if (tailscale === undefined || tailscaled === undefined) return undefined;
    const request = { tailscale, tailscaled, loginServer, authKey, hostname };
    return withPeerNode(request, inner, (peer) => lookFromPeer(peer, guest, proxy, target));
  };
  return runStep({ title: `looks from a peer, ${hostname}`, run }, context);
}
