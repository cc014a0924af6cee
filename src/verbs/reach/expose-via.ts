import { hostPaths } from '../../core/paths.ts';
import { applyChanges, undoChanges } from '../../host/changes/apply-changes.ts';
import type { Change } from '../../host/changes/change.ts';
import { readJournal } from '../../host/changes/change-journal.ts';
import type { Context } from '../../host/context.ts';
import { udpForwardId } from '../../host/network/udp-forward.ts';
import { withLock } from '../../host/with-lock.ts';
import { planProxy, proxyChangeId } from '../../reach/changes/proxy-change.ts';
import { planRoute, routeChangeIds, TAILNET_FORWARDING } from '../../reach/changes/route-change.ts';
import { planUdp } from '../../reach/changes/udp-change.ts';
import { asForwarded } from '../../reach/checks/nebula.ts';
import { isAdvertised } from '../../reach/checks/subnet.ts';
import { whyNoWireguard } from '../../reach/checks/wireguard.ts';
import type { Facts, Target } from '../../reach/facts.ts';
import { judge } from '../../reach/judge.ts';
import type { Verdict } from '../../reach/report.ts';
import { type Via, WAYS_VIA } from '../../reach/vias.ts';
import { whyNoProxy, whyNoRoute } from '../../reach/why-not.ts';
import { runStep, type VerbContext } from '../step.ts';
import { serveInGuest, unserveInGuest } from './expose-guest.ts';

/** Makes a way; false when it is there already. */
export async function setUp(via: Via, facts: Facts, context: VerbContext): Promise<boolean> {
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

/** What that is named in the journal. */
const HOST_CHANGES: Readonly<Record<Exclude<Via, 'guest'>, (target: Target) => readonly string[]>> = {
  proxy: ({ machine, port }) => [proxyChangeId(machine, port)],
  subnet: ({ machine }) => routeChangeIds(machine),
  wireguard: ({ machine }) => [udpForwardId(machine, 'wireguard')],
  nebula: ({ machine }) => [udpForwardId(machine, 'nebula')],
};

/** Takes back what was made for these ways, in the guest and on this host; what was taken back. What several machines stand on goes with the last of them. */
export async function takeBack(vias: readonly Via[], target: Target, context: VerbContext): Promise<readonly string[]> {
  const ids = vias.flatMap((via) => (via === 'guest' ? [] : HOST_CHANGES[via](target)));
  const onHost = await withLock(hostPaths(context.paths).lock, 'vmkit unexpose', context, async () => {
    const left = (await readJournal(context)).filter(({ id }) => !ids.includes(id));
    const isShared = left.some(({ id }) => id.startsWith('routed:'));
    return undoChanges(context, ({ id }) => ids.includes(id) || (!isShared && id.startsWith(TAILNET_FORWARDING)));
  });
  const inGuest = vias.includes('guest') ? await unserveInGuest(target, context) : [];
  return [
    ...onHost.map(({ title }) => title),
    ...inGuest.map(({ as, port, to }) => `${target.machine} serves ${as} ${port} → ${to}`),
  ];
}

/** What `expose` mends: a way that lacks nothing else can be set up. */
const SET_UP_CAUSES: readonly string[] = ['serve-not-configured', 'udp-not-forwarded'];

/** Why a way cannot be set up; undefined: nothing is known that stands against it. What is not set up yet is no obstacle. */
export function obstacle(facts: Facts, via: Via): string | undefined {
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

/** Why a way does not work, in one line. */
export function reasonOf(verdict: Verdict | undefined): string {
  if (verdict?.finding !== undefined) return `${verdict.finding.title} (${verdict.finding.observed})`;
  return verdict?.reason ?? 'the way is not there';
}
