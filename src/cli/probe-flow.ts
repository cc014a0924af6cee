import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ensureArtifact } from '../build/store.ts';
import { throwIfInterrupted } from '../core/deadline.ts';
import { messageOf, VmkitError } from '../core/errors.ts';
import { machinePaths } from '../core/paths.ts';
import { runOnConsole } from '../host/console-script.ts';
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

const BY = { ssh: 'ssh', console: 'its console: ssh does not answer' } as const;

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
      { vantage: 'guest', title: `${spec.name}, by ${BY[facts.guestBy]}` },
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
  const { guest, guestError, guestBy } = await runStep(
    { title: `looks at ${spec.name}`, run: (inner) => lookAtGuest(target, inner) },
    context,
  );
  const proxy = await lookAtHost(target, context);
  const peer = guest === undefined ? undefined : await lookFromSomePeer(spec, target, { guest, proxy }, kind, context);
  return { target, guest, guestError, guestBy, peer, proxy };
}

/** By ssh, or where the guest takes no connection, by its console. */
async function lookAtGuest(target: Target, context: Context): Promise<LookedGuest> {
  const script = guestScript(target.port);
  const read = (printed: string): GuestFacts => readGuestFacts(printed, target.port, Date.now() / 1000);
  try {
    const printed = await withGuest(target.machine, context, (host) =>
      host.exec(['sh'], { input: script, withinMs: 60_000 }),
    );
    return { guest: read(printed.stdout), guestError: undefined, guestBy: 'ssh' };
  } catch (error) {
    if (error instanceof VmkitError && error.kind === 'interrupted') throw error;
    context.report({ kind: 'phase', text: 'ssh does not answer; looks by the console' });
    const { consoleSocket } = machinePaths(context.paths, target.machine);
    const printed = await runOnConsole(consoleSocket, script, { withinMs: 45_000, signal: context.signal }).catch(
      () => undefined,
    );
    throwIfInterrupted(context.signal);
    const guest = printed === undefined ? undefined : read(printed);
    return { guest, guestError: messageOf(error), guestBy: 'console' };
  }
}

type LookedGuest = Pick<Facts, 'guest' | 'guestError' | 'guestBy'>;

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
