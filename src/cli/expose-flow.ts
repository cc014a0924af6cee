import { withLock } from '../build/lock.ts';
import { VmkitError } from '../core/errors.ts';
import { hostPaths, machinePaths } from '../core/paths.ts';
import { applyChanges, undoChanges } from '../host/apply-changes.ts';
import type { Context } from '../host/context.ts';
import type { Facts, Target } from '../reach/check.ts';
import { judge } from '../reach/judge.ts';
import { planProxy, proxyChangeId } from '../reach/proxy-change.ts';
import type { Verdict, WayId } from '../reach/report.ts';
import { planRoute, routeChangeId } from '../reach/route-change.ts';
import { whyNoProxy, whyNoRoute } from '../reach/ways.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { CommandContext } from './command.ts';
import { serveInGuest, unserveInGuest } from './expose-guest.ts';
import { look } from './probe-flow.ts';
import { runStep } from './steps.ts';

/** A way that `expose` sets up: serve in the machine, serve on this host, or a route to its bridge address through this host. */
export type Via = 'guest' | 'proxy' | 'subnet';

export interface Exposed {
  readonly machine: string;
  readonly service: string;
  readonly way: WayId;
  /** What a person types at a peer. */
  readonly address: string;
  /** From the peer's dial to the first byte; undefined where nobody looked from a peer. */
  readonly firstByteMs: number | undefined;
  /** False: it was there already. */
  readonly isNew: boolean;
}

const WAYS_VIA: Readonly<Record<Via, readonly WayId[]>> = {
  guest: ['guest-serve-tun', 'guest-serve-userspace'],
  proxy: ['host-proxy'],
  subnet: ['host-subnet-router'],
};

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
  return withLock(lock, `vmkit expose ${spec.name}`, context, async () => {
    const before = await look(spec, target, 'none', context);
    const via = vias.find((each) => obstacle(before, each) === undefined);
    if (via === undefined) {
      throw notExposed(target, vias.map((each) => obstacle(before, each)).join('; '), undefined);
    }
    const isNew = via === 'guest' ? await serveInGuest(before, context) : await changeHost(via, before, context);
    const after = judge(await look(spec, target, undefined, context));
    const verdict = after.find(({ way, state }) => WAYS_VIA[via].includes(way) && state !== 'unavailable');
    if (verdict?.address === undefined || verdict.state === 'fails') {
      throw notExposed(target, reasonOf(verdict), verdict);
    }
    const { way, address, firstByteMs } = verdict;
    return { machine: spec.name, service: target.name, way, address, firstByteMs, isNew };
  });
}

/** Takes back what `expose` did for a port, in the guest and on this host; what was taken back. */
export async function unexpose(spec: VmSpec, target: Target, context: CommandContext): Promise<readonly string[]> {
  const { lock } = machinePaths(context.paths, spec.name);
  return withLock(lock, `vmkit unexpose ${spec.name}`, context, async () => {
    const ids = [proxyChangeId(spec.name, target.port), routeChangeId(spec.name)];
    const undo = (): ReturnType<typeof undoChanges> => undoChanges(context, ({ id }) => ids.includes(id));
    const onHost = await withLock(hostPaths(context.paths).lock, 'vmkit unexpose', context, undo);
    const inGuest = await unserveInGuest(target, context);
    return [
      ...onHost.map(({ title }) => title),
      ...inGuest.map(({ as, port, to }) => `${spec.name} serves ${as} ${port} → ${to}`),
    ];
  });
}

async function changeHost(via: 'proxy' | 'subnet', facts: Facts, context: CommandContext): Promise<boolean> {
  const { hostPort } = facts.target;
  const change = via === 'subnet' ? planRoute(facts) : planProxy(facts, hostPort ?? 0);
  const run = (inner: Context): ReturnType<typeof applyChanges> =>
    withLock(hostPaths(inner.paths).lock, 'vmkit expose', inner, () => applyChanges([change], inner));
  return (await runStep({ title: change.title, run }, context)).length > 0;
}

/** Why a way cannot be set up; undefined: nothing is known that stands against it. What is not set up yet is no obstacle. */
function obstacle(facts: Facts, via: Via): string | undefined {
  if (via !== 'guest') {
    if (facts.proxy !== undefined && facts.proxy.status?.BackendState !== 'Running') {
      return "this host's Tailscale is not running";
    }
    return via === 'subnet' ? whyNoRoute(facts) : whyNoProxy(facts);
  }
  const verdicts = judge(facts).filter(({ way }) => WAYS_VIA.guest.includes(way));
  const offered = verdicts.find(({ state }) => state !== 'unavailable');
  if (offered === undefined) return reasonOf(verdicts[0]);
  return offered.finding === undefined || offered.finding.cause === 'serve-not-configured'
    ? undefined
    : reasonOf(offered);
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
