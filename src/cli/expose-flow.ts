import { withLock } from '../build/lock.ts';
import { VmkitError } from '../core/errors.ts';
import { hostPaths, machinePaths } from '../core/paths.ts';
import { applyChanges, undoChanges } from '../host/apply-changes.ts';
import type { Change } from '../host/change.ts';
import { readJournal } from '../host/change-journal.ts';
import type { Context } from '../host/context.ts';
import { udpForwardId } from '../host/udp-forward.ts';
import { asForwarded } from '../reach/checks-nebula.ts';
import { isAdvertised } from '../reach/checks-subnet.ts';
import { whyNoWireguard } from '../reach/checks-wireguard.ts';
import type { Facts, Target } from '../reach/facts.ts';
import { judge } from '../reach/judge.ts';
import { planProxy, proxyChangeId } from '../reach/proxy-change.ts';
import type { Verdict, WayId } from '../reach/report.ts';
import { planRoute, routeChangeIds, TAILNET_FORWARDING } from '../reach/route-change.ts';
import { planUdp } from '../reach/udp-change.ts';
import { type Via, WAYS_VIA } from '../reach/vias.ts';
import { whyNoProxy, whyNoRoute } from '../reach/why-not.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { CommandContext } from './command.ts';
import { serveInGuest, unserveInGuest } from './expose-guest.ts';
import { look } from './look.ts';
import { withPeer } from './probe-peer.ts';
import { runStep } from './steps.ts';

export interface Exposed {
  readonly machine: string;
  readonly service: string;
  readonly way: WayId;
  /** What a person types at a peer. */
  readonly address: string;
  /** From the peer's dial to the first byte; undefined where nobody looked from a peer. */
  readonly firstByteMs: number | undefined;
  /** Why nobody looked from a peer, where there is more to say. */
  readonly whyUntried: string | undefined;
  /** False: it was there already. */
  readonly isNew: boolean;
}

/**
 * Looks, sets up the first way of these that nothing stands in the way of, looks again, and says its address. Idempotent. Throws `not-exposed`, with what is
 * in the way.
 */
export async function expose(
  spec: VmSpec,
  target: Target,
  vias: readonly Via[],
  context: CommandContext,
): Promise<Exposed> {
  const { lock } = machinePaths(context.paths, spec.name);
  return withLock(lock, `vmkit expose ${spec.name}`, context, () =>
    withPeer(spec, undefined, context, async (peer) => {
      const before = await look(spec, target, { peer: undefined, dials: [] }, context);
      const via = vias.find((each) => obstacle(before, each) === undefined);
      if (via === undefined) {
        throw notExposed(target, vias.map((each) => obstacle(before, each)).join('; '), undefined);
      }
      const isNew = await setUp(via, before, context);
      const after = judge(await look(spec, target, { peer, dials: [via] }, context));
      const offered = after.filter(({ way, state }) => WAYS_VIA[via].includes(way) && state !== 'unavailable');
      const verdict = offered.find(({ state }) => state === 'works') ?? offered[0];
      if (verdict?.address === undefined || verdict.state === 'fails') {
        throw notExposed(target, reasonOf(verdict), verdict);
      }
      const { way, address, firstByteMs, reason } = verdict;
      return { machine: spec.name, service: target.name, way, address, firstByteMs, whyUntried: reason, isNew };
    }),
  );
}

/** Takes back what `expose` did for a port, in the guest and on this host; what was taken back. */
export async function unexpose(spec: VmSpec, target: Target, context: CommandContext): Promise<readonly string[]> {
  const { lock } = machinePaths(context.paths, spec.name);
  return withLock(lock, `vmkit unexpose ${spec.name}`, context, async () => {
    const onHost = await withLock(hostPaths(context.paths).lock, 'vmkit unexpose', context, () =>
      undoExposure(target, context),
    );
    const inGuest = await unserveInGuest(target, context);
    return [
      ...onHost.map(({ title }) => title),
      ...inGuest.map(({ as, port, to }) => `${spec.name} serves ${as} ${port} → ${to}`),
    ];
  });
}

/** The host's part. What several machines stand on goes with the last of them. */
async function undoExposure({ machine, port }: Target, context: Context): ReturnType<typeof undoChanges> {
  const ids = [
    ...[proxyChangeId(machine, port), ...routeChangeIds(machine)],
    ...[udpForwardId(machine, 'wireguard'), udpForwardId(machine, 'nebula')],
  ];
  const left = (await readJournal(context)).filter(({ id }) => !ids.includes(id));
  const isShared = left.some(({ id }) => id.startsWith('routed:'));
  return undoChanges(context, ({ id }) => ids.includes(id) || (!isShared && id.startsWith(TAILNET_FORWARDING)));
}

/** Makes a way; false when it is there already. */
async function setUp(via: Via, facts: Facts, context: CommandContext): Promise<boolean> {
  if (via === 'guest') return serveInGuest(facts, context);
  // Another machine routes it already, and this host does not.
  if (via === 'subnet' && facts.router !== undefined && !isAdvertised(facts.proxy, facts.target)) return false;
  const changes = HOST_PLANS[via](facts);
  if (changes.length === 0) return false;
  const run = (inner: Context): ReturnType<typeof applyChanges> =>
    withLock(hostPaths(inner.paths).lock, 'vmkit expose', inner, () => applyChanges(changes, inner));
  const title = changes.map((each) => each.title).join('; ');
  return (await runStep({ title, run }, context)).length > 0;
}

/** What this host has to be made; nothing where a way needs no change of it. */
const HOST_PLANS: Readonly<Record<Exclude<Via, 'guest'>, (facts: Facts) => readonly Change[]>> = {
  proxy: (facts) => [planProxy(facts, facts.target.hostPort ?? 0)],
  subnet: planRoute,
  wireguard: (facts) => planUdp('wireguard', facts),
  nebula: (facts) => planUdp('nebula', facts),
};

/** What `expose` mends: a way that lacks nothing else can be set up. */
const SET_UP_CAUSES: readonly string[] = ['serve-not-configured', 'udp-not-forwarded'];

/** Why a way cannot be set up; undefined: nothing is known that stands against it. What is not set up yet is no obstacle. */
function obstacle(facts: Facts, via: Via): string | undefined {
  if (via === 'subnet' && facts.router !== undefined) return undefined;
  if (via === 'proxy' || via === 'subnet') {
    if (facts.proxy !== undefined && facts.proxy.status?.BackendState !== 'Running') {
      return "this host's Tailscale is not running";
    }
    return via === 'subnet' ? whyNoRoute(facts) : whyNoProxy(facts);
  }
  if (via === 'wireguard' && facts.wireguard?.isSetUp === false) return whyNoWireguard(facts);
  const verdicts = judge(via === 'nebula' ? asForwarded(facts) : facts).filter(({ way }) =>
    WAYS_VIA[via].includes(way),
  );
  const offered = verdicts.find(({ state }) => state !== 'unavailable');
  if (offered === undefined) return reasonOf(verdicts[0]);
  return offered.finding === undefined || SET_UP_CAUSES.includes(offered.finding.cause) ? undefined : reasonOf(offered);
}

function reasonOf(verdict: Verdict | undefined): string {
  if (verdict?.finding !== undefined) return `${verdict.finding.title} (${verdict.finding.observed})`;
  return verdict?.reason ?? 'the way is not there';
}

function notExposed({ machine, name }: Target, why: string, verdict: Verdict | undefined): VmkitError {
  return new VmkitError('unreachable', 'not-exposed', `${name} of ${machine} was not exposed: ${why}.`, {
    hint: verdict?.finding?.fix ?? `vmkit probe ${machine}`,
    details: verdict,
  });
}
