import { endpointText } from '../../../net/endpoint.ts';
import type { Dial, Facts } from '../../facts.ts';
import { isTunnel } from '../../hops.ts';
import type { WayId } from '../../report.ts';
import type { Notice } from '../seen/notices.ts';
import type { Stream } from '../seen/streams.ts';
import type { Step } from '../step.ts';
import { isPartOf, streamOf } from '../stream-of.ts';
import type { Why } from './causes.ts';

/** Unless another machine said why, or the guest itself ended the connection, nobody knows where on the way. */
export function answerLost(way: WayId, last: Step | undefined, dial: Dial, facts: Facts): Why {
  const { target } = facts;
  const stream = streamOf(last, facts);
  const notice = noticeOn(last, facts);
  if (notice !== undefined) return refusedOnWay(notice, facts);
  if (stream?.isReset === true && dial.result !== 'silent' && dial.result !== 'timeout') {
    return {
      cause: 'reset-by-guest',
      hop: 'guest',
      title: 'the guest takes the connection, and ends it by a reset before the question',
      fix: `vmkit exec ${target.machine} -- sh -c 'nft list ruleset; conntrack -L'`,
      isCertain: true,
    };
  }
  if (stream?.isRefused === true && stream.asked === 0) {
    return {
      cause: 'reset-by-peer',
      hop: 'peer',
      title: 'the connection is taken, and a reset comes back from the peer, or from somebody on the way',
      fix: 'nft list ruleset, at the peer and on the way',
      // One that gave up resets what comes late as well: another cause goes first.
      isCertain: false,
    };
  }
  const other = rewrittenSource(last, facts);
  if (other !== undefined) return other;
  const base = {
    cause: 'answer-lost',
    title: 'the answer left, and does not arrive whole at the peer',
    ...(stream === undefined || stream.lost === 0 ? {} : { observed: lostText(stream) }),
    isCertain: false,
  };
  if (isTunnel(way)) {
    const fix =
      "Large packets may be lost: compare the MTU on the tunnel's way with the tunnel's own (ip link, at both ends)";
    return { ...base, hop: 'host', fix };
  }
  const fix = `Large packets may be lost: tailscale ping --size=1312, at both ends; vmkit exec ${target.machine} -- ip link set tailscale0 mtu 1200`;
  return { ...base, hop: 'relay', fix };
}

/** Who is dialled at one address and answers by another is not understood. */
function rewrittenSource(last: Step | undefined, { target, watches }: Facts): Why | undefined {
  const sightings = (last === undefined ? undefined : watches?.[last.place]?.sightings) ?? [];
  const ours = sightings.filter((each) => last?.isPart({ ...each, hook: 'left', kind: 'taken' }) === true);
  const said = ours.find(({ hook, kind }) => hook === 'said' && kind === 'taken');
  const left = ours.find(({ hook, kind, from }) => hook === 'left' && kind === 'taken' && from !== said?.from);
  if (said === undefined || left === undefined) return undefined;
  return {
    cause: 'answer-rewritten',
    hop: 'guest',
    title: `the answer leaves the guest from ${left.from}, and ${said.from} was dialled: a rule rewrites it`,
    observed: `said from ${endpointText({ address: said.from, port: said.fromPort })}, left by ${left.link} from ${endpointText({ address: left.from, port: left.fromPort })}`,
    fix: `vmkit exec ${target.machine} -- nft list ruleset`,
    isCertain: true,
  };
}

function lostText({ lost, acknowledged }: Stream): string {
  return `packets of up to ${lost} bytes were sent in vain, behind ${acknowledged} bytes that arrived`;
}

/** Told to the machine that the last packets left, of packets of the same connection. */
function noticeOn(last: Step | undefined, { watches }: Facts): Notice | undefined {
  if (last === undefined) return undefined;
  return watches?.[last.place]?.notices.find((notice) => isPartOf(last, notice));
}

/** Another machine says that it, or the next one, does not let the packets through (ICMP). */
function refusedOnWay({ by, says, mtu, from, fromPort, to, toPort }: Notice, { peer, target }: Facts): Why {
  const isPeer = by === peer?.address;
  const size = mtu === undefined ? '' : `: ${mtu} bytes are the most`;
  return {
    cause: mtu === undefined ? 'refused-on-the-way' : 'packet-too-big',
    hop: isPeer ? 'peer' : 'relay',
    title: `${isPeer ? 'the peer' : by} says of the answer: ${says}${size}`,
    observed: `ICMP from ${by} about ${endpointText({ address: from, port: fromPort })} to ${endpointText({ address: to, port: toPort })}`,
    fix:
      mtu === undefined
        ? `nft list ruleset; ip route, at ${by}`
        : `vmkit exec ${target.machine} -- sh -c 'ip route get ${to}; ip link'`,
    isCertain: true,
  };
}
