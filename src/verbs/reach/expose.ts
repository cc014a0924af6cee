import { VmkitError } from '../../core/errors/errors.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import type { Facts, Target } from '../../reach/facts.ts';
import { judge } from '../../reach/judge.ts';
import type { Verdict, WayId } from '../../reach/report.ts';
import { PHONE_VIAS, VIAS, type Via, WAYS_VIA } from '../../reach/vias.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Peer } from '../../tailnet/peer/peer.ts';
import type { VerbContext } from '../step.ts';
import { obstacle, reasonOf, setUp, type TakenBack, takeBack } from './expose-via.ts';
import { followAddress } from './follow-address.ts';
import { look } from './look.ts';
import { withPeer } from './probe-peer.ts';

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

/** What was set up is tried, and not left untried because this computer is busy: nobody counts the seconds here, as `probe` does. */
const PATIENCE_MS = 15_000;

/**
 * Looks, sets up the first way of these that nothing stands in the way of, looks again, and says its address. Where it does not work for a peer, it is taken back
 * and the next is tried; one that was asked for alone stays as far as it came: what is missing may be somebody else's to give. Idempotent. Throws `not-exposed`,
 * with what is in the way of each.
 */
export async function expose(
  spec: VmSpec,
  target: Target,
  vias: readonly Via[],
  context: VerbContext,
): Promise<Exposed> {
  return withMachine(spec.name, `vmkit expose ${spec.name}`, context, () =>
    withPeer(spec, undefined, context, async (peer) => {
      const before = await look(spec, target, { peer: undefined, dials: [], patienceMs: PATIENCE_MS }, context);
      const reasons: string[] = [];
      let failed: Verdict | undefined;
      const isAsked = vias.length === 1;
      const offered = vias.filter((via) => isAsked || before.phone !== undefined || !PHONE_VIAS.includes(via));
      for (const via of offered) {
        const why = obstacle(before, via);
        if (why !== undefined) {
          reasons.push(why);
          continue;
        }
        const isNew = await setUp(via, before, context);
        const verdict = await tryWay(via, spec, target, peer, context);
        if (verdict?.address !== undefined && verdict.state !== 'fails') {
          await followAddress(spec, target, verdict.address, context);
          return exposedBy(verdict, target, isNew);
        }
        reasons.push(reasonOf(verdict));
        failed = verdict;
        if (isNew && !isAsked) await takeBack([via], true, target, context);
      }
      throw notExposed(target, [...new Set(reasons)].join('; '), failed);
    }),
  );
}

/** Tried by a member of the tailnet, or by a client of vmkit's own through its tunnel. */
async function tryWay(
  via: Via,
  spec: VmSpec,
  target: Target,
  peer: Promise<Peer> | undefined,
  context: VerbContext,
): Promise<Verdict | undefined> {
  const hasOwnClient = via === 'wireguard' || via === 'nebula';
  const from = { peer: hasOwnClient ? undefined : peer, dials: [via], patienceMs: PATIENCE_MS };
  const facts: Facts = await look(spec, target, from, context);
  const offered = judge(facts).filter(({ way, state }) => WAYS_VIA[via].includes(way) && state !== 'unavailable');
  const find = (wanted: Verdict['state']): Verdict | undefined => offered.find(({ state }) => state === wanted);
  return find('works') ?? find('degraded') ?? offered[0];
}

function exposedBy({ way, address = '', firstByteMs, reason }: Verdict, target: Target, isNew: boolean): Exposed {
  return { machine: target.machine, service: target.name, way, address, firstByteMs, whyUntried: reason, isNew };
}

/** Takes back what `expose` did for a port, on this host and in the guest; in one that is off, at its next boot. */
export async function unexpose(spec: VmSpec, target: Target, context: VerbContext): Promise<TakenBack> {
  const hasNode = spec.services.some(({ name }) => name === 'tailscale');
  return withMachine(spec.name, `vmkit unexpose ${spec.name}`, context, async () => {
    const taken = await takeBack(VIAS, hasNode, target, context);
    await followAddress(spec, target, undefined, context);
    return taken;
  });
}

function notExposed({ machine, name }: Target, why: string, verdict: Verdict | undefined): VmkitError {
  return new VmkitError('unreachable', 'not-exposed', `${name} of ${machine} was not exposed: ${why}.`, {
    hint: verdict?.finding?.fix ?? `vmkit probe ${machine}`,
    details: verdict,
  });
}
