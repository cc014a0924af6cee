import { throwIfInterrupted, unlessInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { runOnConsole } from '../../guest/console/script.ts';
import type { Context } from '../../host/context.ts';
import { withGuest } from '../../machine/guest.ts';
import { runningMachines } from '../../machine/state/machines.ts';
import { requireRunning } from '../../machine/state/running.ts';
import { isAnswered } from '../../net/dial.ts';
import { isAdvertised } from '../../reach/checks/subnet.ts';
import type { Facts, NodeFacts, Target } from '../../reach/facts.ts';
import { lookAtHost, readHostFilters } from '../../reach/look/at-host.ts';
import { lookAtRouter } from '../../reach/look/at-router.ts';
import { lookFromPeer } from '../../reach/look/from-peer.ts';
import { type GuestFacts, guestScript, readGuestFacts } from '../../reach/look/guest-facts.ts';
import { NEBULA_COMMANDS } from '../../reach/look/nebula-facts.ts';
import { FILTERS, withDropsAfter } from '../../reach/look/node-facts.ts';
import type { Via } from '../../reach/vias.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import { nebulaOf } from '../nebula-certificates.ts';
import { runStep, type VerbContext } from '../step.ts';
import { lookAtNebula } from './nebula-look.ts';
import { lookByWireguard } from './wireguard.ts';

/** Where it is looked from beside the guest and this host. */
interface LookedFrom {
  readonly peer: Promise<Peer> | undefined;
  /** The ways that are dialled, by the peer or by clients of vmkit's own. */
  readonly dials: readonly Via[];
}

/** All that can be looked at, unjudged. What needs no peer is looked at while that one joins. */
export async function look(
  spec: VmSpec,
  target: Target,
  { peer, dials }: LookedFrom,
  context: VerbContext,
): Promise<Facts> {
  await requireRunning(target.machine, context);
  const around = runStep(
    {
      title: `looks at ${target.machine}`,
      run: async (inner) => {
        const [looked, proxy, router] = await Promise.all([
          lookAtGuest(spec, target, inner),
          lookAtHost(target, inner),
          findRouter(target, inner),
        ]);
        return { ...looked, proxy, router };
      },
    },
    context,
  );
  const before = { target, peer: undefined, wireguard: undefined, ...(await around) };
  const run = async (): Promise<Facts> => ({
    ...before,
    ...(peer === undefined
      ? {}
      : { peer: await unlessInterrupted(lookFromPeer(await peer, before, target, dials), context.signal) }),
  });
  const facts = peer === undefined ? before : await runStep({ title: 'looks from a peer', run }, context);
  const nebula = await lookAtNebula(spec, target, dials.includes('nebula') && facts.guest !== undefined, context);
  const seen = { ...(await withDrops(facts, context)), nebula };
  return lookByWireguard(spec, seen, dials.includes('wireguard'), context);
}

/** After a dial through a router failed: what the filters of the routers dropped meanwhile. */
async function withDrops(facts: Facts, context: Context): Promise<Facts> {
  const dial = facts.peer?.routed?.dial;
  if (dial === undefined || isAnswered(dial)) return facts;
  const machine = facts.router?.machine;
  const [onHost, onRouter] = await Promise.all([
    facts.proxy === undefined ? undefined : readHostFilters(context),
    machine === undefined
      ? undefined
      : withGuest(machine, context, (guest) => guest.exec(FILTERS.split(' '), { withinMs: 20_000 })),
  ]);
  return {
    ...facts,
    proxy: withDropsAfter(facts.proxy, onHost),
    router: withDropsAfter(facts.router, onRouter?.stdout),
  };
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

/** By ssh, or where the guest takes no connection, by its console. */
async function lookAtGuest(spec: VmSpec, target: Target, context: Context): Promise<LookedGuest> {
  const more = nebulaOf(spec) === undefined ? {} : NEBULA_COMMANDS;
  const script = guestScript(target.port, more);
  const read = (printed: string): GuestFacts => readGuestFacts(printed, target.port, Date.now() / 1000, more);
  try {
    const printed = await withGuest(target.machine, context, (host) =>
      host.exec(['sh'], { input: script, withinMs: 60_000 }),
    );
    return { guest: read(printed.stdout), guestError: undefined, guestBy: 'ssh' };
  } catch (error) {
    if (error instanceof VmkitError && error.kind === 'interrupted') throw error;
    context.report({ kind: 'phase', text: 'ssh does not answer; looks by the console' });
    const { consoleSocket } = machinePaths(context.paths, target.machine);
    const printed = await runOnConsole(consoleSocket, script, context.host, {
      name: target.machine,
      withinMs: 45_000,
      signal: context.signal,
    }).catch(() => undefined);
    throwIfInterrupted(context.signal);
    const guest = printed === undefined ? undefined : read(printed);
    return { guest, guestError: messageOf(error), guestBy: 'console' };
  }
}

type LookedGuest = Pick<Facts, 'guest' | 'guestError' | 'guestBy'>;
