import { FULL_PACKET } from '../net/question.ts';
import { CLOCK_SECONDS, clockText } from './checks/guest.ts';
import type { Dial, Facts } from './facts.ts';
import type { Finding, WayId } from './report.ts';

/** An answer that takes longer than this is slow, or one that takes this much longer than inside the guest. */
export const SLOW_MS = 3_000;
export const SLOWER_MS = 2_000;

/** Ways to the guest's own node. */
export const TO_NODE: readonly WayId[] = ['guest-serve-tun', 'guest-serve-userspace', 'guest-direct'];

/** What is wrong with a way by which a peer got a whole answer, the worst first. Pure. */
export function degradations(way: WayId, facts: Facts, dial: Dial): Finding[] {
  const toNode = TO_NODE.includes(way) ? [relayed(facts), lostBack(facts, dial)] : [];
  const byName = [...TO_NODE, 'host-proxy'].includes(way) ? [nameUnknown(facts)] : [];
  const found = [
    unknownAnswer(facts, dial),
    ownError(facts, dial),
    redirect(facts, dial),
    stillComing(facts, dial),
    slow(facts, dial),
  ];
  return [...found, ...toNode, ...byName, clock(facts)].filter((each) => each !== undefined);
}

/** Nothing is known of what it speaks: it takes the connection, as it does inside the guest, and no more can be asked. */
export function isSilentByNature({ target, asked }: Facts, dial: Dial): boolean {
  return target.protocol === 'tcp' && dial.result === 'silent' && asked?.result === 'silent';
}

function unknownAnswer(facts: Facts, dial: Dial): Finding | undefined {
  if (!isSilentByNature(facts, dial)) return undefined;
  return {
    cause: 'answer-unknown',
    hop: 'backend',
    title: 'the connection is taken, and nobody knows what to ask',
    observed: `${dial.observation.output}; the same inside the guest`,
    fix: `Give the port its protocol in vm.yaml (protocol: http, postgres or ssh), so that an answer can be asked for`,
  };
}

function ownError({ target, asked }: Facts, dial: Dial): Finding | undefined {
  const { observation, redirect } = dial;
  const status = redirect?.status ?? dial.status ?? 0;
  if (status < 500) return undefined;
  if (target.protocol === 'postgres') {
    return {
      cause: 'takes-nobody',
      hop: 'backend',
      title: 'PostgreSQL answers, and takes nobody now',
      observed: `the peer: ${observation.output}; inside the guest: ${asked?.observation.output ?? 'not asked'}`,
      fix: `vmkit logs ${target.machine} ${target.name}`,
    };
  }
  return {
    cause: 'answers-5xx',
    hop: 'backend',
    title: `the service answers with an error, ${status}`,
    observed: `the peer got ${status}${redirect === undefined ? '' : ` at ${redirect.location}, where it is sent on to`}, the guest itself ${asked?.status ?? 'was not asked'}`,
    fix: `vmkit logs ${target.machine} ${target.name}`,
  };
}

function redirect({ target }: Facts, dial: Dial): Finding | undefined {
  const { location, whyNot, isLoop } = dial.redirect ?? {};
  if (location === undefined || whyNot === undefined) return undefined;
  if (isLoop) {
    return {
      cause: 'redirect-loop',
      hop: 'backend',
      title: `the service sends people on in a circle, to ${location} again`,
      observed: `status ${dial.status}, Location: ${location}; no cookie was set`,
      fix: `vmkit logs ${target.machine} ${target.name}; a server that wants https behind serve is often the reason`,
    };
  }
  return {
    cause: 'redirect-unreachable',
    hop: 'backend',
    title: `the service sends people on to ${location}, which a peer does not reach`,
    observed: `status ${dial.status}, Location: ${location}; ${whyNot}`,
    fix: `Tell ${target.name} the address that people type (ROOT_URL, BASE_URL or the like)`,
  };
}

function slow(facts: Facts, { wholeMs = 0 }: Dial): Finding | undefined {
  const inGuest = facts.asked?.wholeMs;
  const isSlower = inGuest !== undefined && wholeMs > inGuest + SLOWER_MS;
  if (wholeMs <= SLOW_MS && !isSlower) return undefined;
  const ofGuest = inGuest !== undefined && inGuest > wholeMs - SLOWER_MS;
  const ping = / in (\S+)$/m.exec(facts.peer?.ping?.output ?? '')?.[1];
  const times = [
    `the peer's whole answer ${wholeMs} ms`,
    `the same inside the guest ${inGuest === undefined ? 'unknown' : `${inGuest} ms`}`,
    ...(ping === undefined ? [] : [`tailscale ping ${ping}`]),
  ];
  return {
    cause: 'slow',
    hop: ofGuest ? 'backend' : 'relay',
    title: ofGuest ? 'the service itself is slow' : 'the way to the service is slow',
    observed: times.join('; '),
    fix: ofGuest ? `vmkit logs ${facts.target.machine} ${facts.target.name}` : 'tailscale netcheck, at both ends',
  };
}

/** A person waits, and does not know for how long. */
function stillComing({ target, asked }: Facts, { result, observation }: Dial): Finding | undefined {
  if (result !== 'coming') return undefined;
  const ofGuest = asked !== undefined && asked.result !== 'data';
  const title = 'so slowly that nobody waits for its end';
  return {
    cause: 'slow',
    hop: ofGuest ? 'backend' : 'relay',
    title: ofGuest
      ? `${target.name} says its answer ${title}`
      : `the answer comes ${title}; inside the guest it does not`,
    observed: `the peer: ${observation.output}; inside the guest: ${asked?.observation.output ?? 'unknown'}`,
    fix: ofGuest ? `vmkit logs ${target.machine} ${target.name}` : 'tailscale netcheck, at both ends; tc -s qdisc',
  };
}

function relayed({ peer, target }: Facts): Finding | undefined {
  const pongs = (peer?.directPing?.output ?? '').split('\n').filter((line) => line.startsWith('pong from '));
  const last = pongs.at(-1);
  if (last === undefined || !last.includes(' via DERP(')) return undefined;
  return {
    cause: 'relayed',
    hop: 'relay',
    title: 'all goes through a relay: peer and guest find no direct path',
    observed: last,
    fix: `Let UDP out of both networks: vmkit exec ${target.machine} -- tailscale netcheck`,
  };
}

/** A small answer says nothing of large ones. */
function lostBack({ peer, target }: Facts, { bytes = 0 }: Dial): Finding | undefined {
  const ping = peer?.largePingBack;
  if (ping === undefined || bytes >= FULL_PACKET || /^pong from /m.test(ping.output)) return undefined;
  if (!/^pong from /m.test(peer?.largePing?.output ?? '')) return undefined;
  return {
    cause: 'large-answers-lost',
    hop: 'relay',
    title: 'small answers come back, large packets do not',
    observed: `${ping.command}, in the guest: ${ping.output.split('\n')[0]}; the answer had ${bytes} bytes only`,
    fix: `Let packets of 1340 bytes through from the guest to the peer, or make the tunnel's smaller: vmkit exec ${target.machine} -- ip link set tailscale0 mtu 1200`,
  };
}

function nameUnknown({ peer, guest }: Facts): Finding | undefined {
  if (peer?.resolvesNames !== false) return undefined;
  return {
    cause: 'name-not-resolved',
    hop: 'peer',
    title: 'the name is not resolved at the peer: take the address',
    observed: `MagicDNS is off; the address is ${guest?.status?.Self.TailscaleIPs?.[0] ?? 'unknown'}`,
    fix: 'Turn MagicDNS on in the admin console; at the peer: tailscale set --accept-dns',
  };
}

function clock({ guest, target }: Facts): Finding | undefined {
  const ahead = guest?.clockAhead;
  if (ahead === undefined || Math.abs(ahead) < CLOCK_SECONDS) return undefined;
  return { hop: 'guest', ...clockText(ahead, target) };
}
