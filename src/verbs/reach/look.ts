import { setTimeout as sleep } from 'node:timers/promises';
import { type TimeLeft, throwIfInterrupted, timeLeft, unlessInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import { withGuest } from '../../machine/guest.ts';
import { runningMachines } from '../../machine/state/machines.ts';
import { requireRunning } from '../../machine/state/running.ts';
import { isAdvertised } from '../../reach/checks/subnet.ts';
import type { Dial, Facts, NodeFacts, Target } from '../../reach/facts.ts';
import { dialControl, lookAtHost } from '../../reach/look/at-host.ts';
import { lookAtRouter } from '../../reach/look/at-router.ts';
import { lookAtHostNetwork } from '../../reach/look/host-network.ts';
import type { Watcher } from '../../reach/look/peer/followed-dial.ts';
import { lookFromPeer } from '../../reach/look/peer/from-peer.ts';
import type { InGuest } from '../../reach/look/peer/peer-tailscale.ts';
import { lookAtPhone } from '../../reach/look/phone-facts.ts';
import type { Via } from '../../reach/vias.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import { runStep, type VerbContext } from '../step.ts';
import { type Around, watcherOf } from './follow.ts';
import { openGuestShell } from './guest-shell.ts';
import { askInGuest, type LookedGuest, lookAtGuest } from './look-guest.ts';
import { lookAtNebula } from './nebula-look.ts';
import { lookByWireguard } from './wireguard.ts';

/** Where it is looked from beside the guest and this host. */
interface LookedFrom {
  readonly peer: Promise<Peer> | undefined;
  /** The ways that are dialled, by the peer or by clients of vmkit's own. */
  readonly dials: readonly Via[];
  /** Milliseconds that everybody has on top: a computer that is busy is no reason to leave out what is looked for. */
  readonly patienceMs?: number;
}

/** A peer joins within this time, or none does. */
const JOIN_MS = 10_000;
/** A peer's look needs what the guest says only where the guest says it soon: what a peer gets is the proof. */
const GUEST_FIRST_MS = 4_500;
const LOOK_MS = 10_000;
const ASK_MS = 11_000;
/** All is over within this time, whatever hangs, but the reading of what was watched. */
const ALL_MS = 14_000;
/** What a peer dials is over by then, so that there is time to read what was watched. */
const DIALLED_MS = 11_000;
/** An overloaded computer is no reason to call a way broken: what is dialled late has this time all the same. */
const LEAST_MS = 4_000;

/** All that can be looked at, unjudged. What needs no peer is looked at while that one joins; a peer that does not join is told of, and the rest is seen. */
export async function look(spec: VmSpec, target: Target, from: LookedFrom, context: VerbContext): Promise<Facts> {
  const { vmm } = await requireRunning(target.machine, context);
  const { patienceMs = 0 } = from;
  const left = timeLeft(ALL_MS + patienceMs);
  const leftToDial = timeLeft(DIALLED_MS + patienceMs, LEAST_MS);
  const spare = timeLeft(DIALLED_MS + patienceMs);
  const opened = openGuestShell(target.machine, patienceMs, context);
  const late = sleep(GUEST_FIRST_MS + patienceMs, UNSEEN, { ref: false });
  let tellSoon = (_: LookedGuest): void => undefined;
  const served = new Promise<LookedGuest>((resolve) => {
    tellSoon = resolve;
  });
  const guest = opened.then((each) =>
    lookAtGuest(spec, target, each, { withinMs: left(LOOK_MS + patienceMs), onServe: tellSoon }, context),
  );
  const around = async (): Promise<Facts> => {
    const [looked, proxy, router, phone, hostNetwork] = await Promise.all([
      Promise.race([served, guest, late]),
      lookAtHost(target, context),
      findRouter(target, context),
      lookAtPhone(target.machine, vmm !== 'avf', context),
      lookAtHostNetwork(target, context),
    ]);
    const node = spec.services.find(({ node }) => node !== undefined)?.node;
    const isHostHere = context.host.isHere;
    const unasked = { isHostHere, peer: undefined, peerError: undefined, asked: undefined, wireguard: undefined };
    return { target, node, ...unasked, ...looked, proxy, router, phone, hostNetwork };
  };
  try {
    const before = await runStep({ title: `looks at ${target.machine}`, run: around }, context);
    const { dials } = from;
    const watcher = watcherOf({ before, opened, peer: from.peer, tunnelPorts: tunnelPorts(spec) }, context);
    // A tunnel is dialled where nothing below it is wrong, so all that the guest says is waited for.
    const whole = Promise.race([guest, late]).then((looked): Facts => ({ ...before, ...looked }));
    // Ways of different kinds are independent of each other, and each takes seconds where nothing answers.
    const dialling = Promise.all([
      lookWithPeer(before, from, { opened, watcher, left, leftToDial, spare }, context),
      whole.then((seen) =>
        lookAtNebula(
          spec,
          target,
          dials.includes('nebula'),
          { watcher, logBefore: seen.guest?.observed.get('nebulaLog') },
          context,
        ),
      ),
      whole.then((seen) => lookByWireguard(spec, seen, dials.includes('wireguard'), watcher, context)),
    ]);
    const [[dialled, nebula, { wireguard }], watches, looked, asked] = await Promise.all([
      dialling,
      dialling.then(() => watcher.seen()),
      guest,
      opened.then((each) => askInGuest(target, each, left(ASK_MS + patienceMs))),
    ]);
    return withAsked({ ...dialled, ...looked, nebula, wireguard, watches }, asked);
  } finally {
    (await opened).shell?.close();
  }
}

function tunnelPorts({ services }: VmSpec): number[] {
  return services.flatMap(({ wireguard, nebula }) => [wireguard, nebula].flatMap((each) => each?.port ?? []));
}

const UNSEEN: LookedGuest = { guest: undefined, guestError: undefined, guestBy: 'ssh' };

interface Looking extends Pick<Around, 'opened'> {
  readonly left: TimeLeft;
  readonly leftToDial: TimeLeft;
  readonly spare: TimeLeft;
  readonly watcher: Watcher;
}

async function lookWithPeer(
  before: Facts,
  { peer, dials, patienceMs = 0 }: LookedFrom,
  { opened, watcher, left, leftToDial, spare }: Looking,
  context: VerbContext,
): Promise<Facts> {
  if (peer === undefined) return before;
  const run = async (): Promise<Facts> => {
    try {
      const joined = await withinTime(peer, left(JOIN_MS + patienceMs));
      const inGuest: InGuest = async (script, withinMs) => {
        const { shell } = await opened;
        if (shell?.by !== 'ssh') throw new Error('Only its console answers.');
        return shell.run(script, withinMs);
      };
      const around = { ...before, inGuest, watcher, left: leftToDial, spare };
      return { ...before, peer: await lookFromPeer(joined, around, dials) };
    } catch (error) {
      throwIfInterrupted(context.signal);
      return { ...before, peerError: messageOf(error), control: await dialControl(before.node?.loginServer) };
    }
  };
  return runStep({ title: 'looks from a peer', run: () => unlessInterrupted(run(), context.signal) }, context);
}

async function withinTime<T>(promise: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new VmkitError('unreachable', 'peer-not-joined', `It did not join within ${withinMs / 1000} s.`)),
      withinMs,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What the guest's own question came to is an observation of the guest, too. */
function withAsked(facts: Facts, asked: Dial | undefined): Facts {
  if (facts.guest === undefined || asked === undefined) return facts;
  const observed = new Map([...facts.guest.observed, ['backend', asked.observation]]);
  return { ...facts, asked, guest: { ...facts.guest, observed } };
}

/** A machine of this host's on the bridge that routes to the target; the first, where several do. */
async function findRouter(target: Target, context: Context): Promise<NodeFacts | undefined> {
  if (target.bridgeAddress === undefined) return undefined;
  const others = (await runningMachines(context)).filter(
    ({ name, network, services }) =>
      name !== target.machine && networkOf(network).routed !== undefined && services.includes('tailscale'),
  );
  const nodes = await Promise.all(
    others.map(({ name }) =>
      withGuest(name, context, (guest) => lookAtRouter(name, target, guest)).catch((error: unknown) => {
        throwIfInterrupted(context.signal);
        context.report({ kind: 'note', text: `${name} was not looked at: ${messageOf(error)}` });
        return undefined;
      }),
    ),
  );
  return nodes.find((node) => isAdvertised(node, target));
}
