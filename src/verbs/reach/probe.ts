import type { Host } from '../../host/host.ts';
import { besideTheWays } from '../../reach/beside.ts';
import type { Facts, Target } from '../../reach/facts.ts';
import { hostName } from '../../reach/host-name.ts';
import { judge } from '../../reach/judge.ts';
import type { ProbeReport } from '../../reach/report.ts';
import { VIAS } from '../../reach/vias.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { VerbContext } from '../step.ts';
import { look } from './look.ts';
import { type PeerKind, withPeer } from './probe-peer.ts';

const BY = { ssh: 'ssh', console: 'its console: ssh does not answer' } as const;

/** Looks at every way into a machine, from the guest, its host and a peer, and judges them. */
export async function probe(
  spec: VmSpec,
  target: Target,
  kind: PeerKind | undefined,
  context: VerbContext,
): Promise<ProbeReport> {
  const started = performance.now();
  const dials = kind === 'none' ? [] : VIAS;
  const facts = await withPeer(spec, kind, context, (peer) => look(spec, target, { peer, dials }, context));
  return {
    machine: spec.name,
    service: { name: target.name, port: target.port },
    at: new Date().toISOString(),
    tookMs: Math.round(performance.now() - started),
    vantages: [
      { vantage: 'guest', title: `${spec.name}, by ${BY[facts.guestBy]}` },
      ...hostVantage(facts, context.host),
      ...(facts.router === undefined ? [] : [{ vantage: 'router' as const, title: facts.router.title }]),
      ...[facts.peer?.title, facts.wireguard?.handshake && 'client by WireGuard', facts.nebula?.client?.title].flatMap(
        (title) => (title === undefined ? [] : [{ vantage: 'peer' as const, title }]),
      ),
    ],
    ways: judge(facts),
    beside: besideTheWays(facts),
  };
}

/** Another host is named in each report: all that its layers say of the host is of that one. */
function hostVantage({ proxy }: Facts, host: Host): ProbeReport['vantages'] {
  if (proxy === undefined && host.isHere) return [];
  return [{ vantage: 'host', title: `${hostName(host)}${proxy === undefined ? '' : ', a node of the tailnet'}` }];
}
