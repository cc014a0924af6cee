import { hostPaths } from '../../core/paths.ts';
import { applyChanges } from '../../host/changes/apply-changes.ts';
import type { Change } from '../../host/changes/change.ts';
import type { Context } from '../../host/context.ts';
import { udpForwardId } from '../../host/network/udp-forward.ts';
import { withLock } from '../../host/with-lock.ts';
import { runningMachine } from '../../machine/state/running.ts';
import { portChange, portChangeId } from '../../reach/changes/port-change.ts';
import { planProxy, proxyChangeId } from '../../reach/changes/proxy-change.ts';
import { planRoute, routeChangeIds } from '../../reach/changes/route-change.ts';
import { planUdp } from '../../reach/changes/udp-change.ts';
import { asForwarded } from '../../reach/checks/nebula.ts';
import { noApp, whyNoPort } from '../../reach/checks/phone-vpn.ts';
import { isAdvertised } from '../../reach/checks/subnet.ts';
import { whyNoWireguard } from '../../reach/checks/wireguard.ts';
import type { Facts, Target } from '../../reach/facts.ts';
import { judge } from '../../reach/judge.ts';
import type { Verdict } from '../../reach/report.ts';
import { PHONE_VIAS, type Via, WAYS_VIA } from '../../reach/vias.ts';
import { whyNoProxy, whyNoRoute } from '../../reach/why-not.ts';
import { undoWithShared } from '../host/undo-changes.ts';
import { runStep, type VerbContext } from '../step.ts';
import { serveInGuest, unserveInGuest } from './expose-guest.ts';
import { forgetUnserve, unserveLater } from './unserve-later.ts';

/** Makes a way; false when it is there already. */
export async function setUp(via: Via, facts: Facts, context: VerbContext): Promise<boolean> {
  if (via === 'guest') {
    await forgetUnserve(facts.target.machine, facts.target.port, context);
    return serveInGuest(facts, context);
  }
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
  // A person's to do, in the app: its finding says how.
  app: () => [],
  port: ({ target }) => [portChange(target)],
};

/** What that is named in the journal. */
const HOST_CHANGES: Readonly<Record<Exclude<Via, 'guest'>, (target: Target) => readonly string[]>> = {
  proxy: ({ machine, port }) => [proxyChangeId(machine, port)],
  subnet: ({ machine }) => routeChangeIds(machine),
  wireguard: ({ machine }) => [udpForwardId(machine, 'wireguard')],
  nebula: ({ machine }) => [udpForwardId(machine, 'nebula')],
  app: () => [],
  port: ({ machine, port }) => [portChangeId(machine, port)],
};

export interface TakenBack {
  readonly takenBack: readonly string[];
  /** What the next boot takes back: the guest is off. */
  readonly leftForBoot: readonly string[];
}

/** Takes back what was made for these ways on this host, and then in the guest, or at its next boot where it is off. */
export async function takeBack(
  vias: readonly Via[],
  hasNode: boolean,
  target: Target,
  context: VerbContext,
): Promise<TakenBack> {
  const { machine, port } = target;
  const isInGuest = hasNode && vias.includes('guest');
  // Before anything is done: whatever happens to this vmkit, it is not forgotten.
  if (isInGuest) await unserveLater(machine, port, context);
  const ids = vias.flatMap((via) => (via === 'guest' ? [] : HOST_CHANGES[via](target)));
  const onHost = (await undoWithShared(ids, 'vmkit unexpose', context)).map(({ title }) => title);
  if (!isInGuest) return { takenBack: onHost, leftForBoot: [] };
  if ((await runningMachine(machine, context)) === undefined) {
    return { takenBack: onHost, leftForBoot: [`what ${machine} itself serves of its port ${port}`] };
  }
  const inGuest = await unserveInGuest(target, context).catch((error: unknown) => {
    for (const title of onHost) context.report({ kind: 'note', text: `Taken back: ${title}` });
    context.report({ kind: 'note', text: `What ${machine} itself serves is left for its next boot.` });
    throw error;
  });
  await forgetUnserve(machine, port, context);
  const titles = inGuest.map(({ as, port: served, to }) => `${machine} serves ${as} ${served} → ${to}`);
  return { takenBack: [...onHost, ...titles], leftForBoot: [] };
}

/** What `expose` mends: a way that lacks nothing else can be set up. */
const SET_UP_CAUSES: readonly string[] = ['serve-not-configured', 'udp-not-forwarded'];

/** Why a way cannot be set up; undefined: nothing is known that stands against it. What is not set up yet is no obstacle. */
export function obstacle(facts: Facts, via: Via): string | undefined {
  if (via === 'subnet' && facts.router !== undefined) return undefined;
  if (via === 'proxy' || via === 'subnet') {
    if (facts.proxy !== undefined && facts.proxy.status?.BackendState !== 'Running') {
      return "the host's Tailscale is not running";
    }
    return via === 'subnet' ? whyNoRoute(facts) : whyNoProxy(facts);
  }
  if (PHONE_VIAS.includes(via) && facts.phone === undefined) return 'the host is no phone';
  // Whatever is missing there, its finding is the guide.
  if (via === 'app') return noApp(facts);
  if (via === 'port') return whyNoPort(facts);
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
