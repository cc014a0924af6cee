import { PREFERENCES } from '../../host/android/phone-rules.ts';
import { isAnswered } from '../../net/dial.ts';
import { BRIDGE } from '../../spec/networks/link-addresses.ts';
import type { Facts } from '../facts.ts';
import type { Observation } from '../observation.ts';
import { broken, type Check, fine, type Looked, type Problem, said, warned } from './check.ts';
import { directDial, serveDial } from './peer.ts';

/** What a phone does to the packets of its guests, from the card up. Nothing is looked at on any other host. */
export const phoneChecks: readonly Check[] = [
  onPhone('phone-tap', "the machine's TAP is on the phone's bridge", 'tap', ({ exitCode }, { target }) =>
    exitCode === 0
      ? undefined
      : {
          cause: 'phone-tap-outside',
          title: "the machine's TAP is no port of the phone's bridge, so the machine has a card and no network",
          observed: `${BRIDGE.interface} has no port ${target.machine}`,
        },
  ),
  onPhone('phone-forwards', 'the phone forwards', 'forwarding', ({ output }) =>
    output.trim() !== '0'
      ? undefined
      : {
          cause: 'phone-forward-reset',
          title: 'the phone forwards no packets: Android switches that off when a hotspot or USB tethering ends',
          observed: 'ip_forward is 0',
        },
  ),
  onPhone(
    'phone-rule-order',
    "no rule comes before the guests' two, and nobody else has their place",
    'rules',
    ruleOrder,
  ),
  onPhone('phone-rules', "the guests' two rules are there", 'rules', lostRules),
  onPhone('phone-accepts', "the guests' packets are accepted before netd drops them", 'forward', ({ output }) =>
    output === '' || output.includes(`-A FORWARD -i ${BRIDGE.interface} -j ACCEPT`)
      ? undefined
      : {
          cause: 'phone-rules-lost',
          title:
            "vmkit's rules of iptables are gone: netd flushes everybody's when it starts, as after a crash of Android",
          observed: `no rule of FORWARD accepts what comes from ${BRIDGE.interface}`,
        },
  ),
  { id: 'phone-vpn', title: 'the guests leave as they are to', hop: 'host', look: vpnOf },
  { id: 'phone-awake', title: 'the phone does not doze', hop: 'host', look: dozing },
];

const SUPERVISOR =
  'On the phone, as root: cat /data/adb/vmkit/log says why its supervisor has not made it again within seconds. vmkit host setup makes it now.';

function onPhone(
  id: string,
  title: string,
  observation: string,
  problemIn: (seen: Observation, facts: Facts) => Omit<Problem, 'fix'> | undefined,
): Check {
  return {
    id,
    title,
    hop: 'host',
    look: (facts) => {
      const seen = facts.phone?.observed.get(observation);
      // A program that the phone lacks, or that was not let in, says nothing of its network.
      if (seen === undefined || (seen.exitCode !== 0 && observation !== 'tap')) return undefined;
      const problem = problemIn(seen, facts);
      return problem === undefined ? fine(seen) : broken({ fix: SUPERVISOR, ...problem }, seen);
    },
  };
}

interface Rule {
  readonly preference: number;
  readonly line: string;
}

function rulesIn({ output }: Observation): readonly Rule[] {
  return [...output.matchAll(/^(\d+):\s+(.*)$/gm)].map(([, preference, text]) => ({
    preference: Number(preference),
    line: `${preference}: ${text?.trim()}`,
  }));
}

const isToGuests = ({ preference, line }: Rule): boolean =>
  preference === PREFERENCES.toGuests && / to \S+ lookup (main|254)\b/.test(line);
const isFromGuests = ({ preference, line }: Rule): boolean =>
  preference === PREFERENCES.fromGuests && line.includes(` iif ${BRIDGE.interface} `);

/** A rule below 9000 takes packets before netd's rules are asked: guests', and the phone's own past its VPN. */
function ruleOrder(seen: Observation): Omit<Problem, 'fix'> | undefined {
  const rules = rulesIn(seen);
  const first = rules.find(({ preference }) => preference > 0 && preference < PREFERENCES.toGuests);
  const strange = rules.find(
    (rule) =>
      (rule.preference === PREFERENCES.toGuests && !isToGuests(rule)) ||
      (rule.preference === PREFERENCES.fromGuests && !isFromGuests(rule)),
  );
  const found = first ?? strange;
  if (found === undefined) return undefined;
  return {
    cause: 'phone-rule-order',
    title:
      first === undefined
        ? 'another program has a rule where the guests have theirs'
        : "another program's rule comes before all others: it takes guests' packets, and leads the phone's own past its VPN",
    observed: found.line,
  };
}

function lostRules(seen: Observation): Omit<Problem, 'fix'> | undefined {
  const rules = rulesIn(seen);
  const lost = [
    ...(rules.some(isToGuests) ? [] : [`${PREFERENCES.toGuests}, to guests`]),
    ...(rules.some(isFromGuests) ? [] : [`${PREFERENCES.fromGuests}, from guests`]),
  ];
  if (lost.length === 0) return undefined;
  return {
    cause: 'phone-rules-lost',
    title: "the guests' rules are gone: netd flushes everybody's when it starts, as after a crash of Android",
    observed: `no rule ${lost.join(', no rule ')}`,
  };
}

/** Guests follow a VPN of the phone's; that is told where nobody gets to the machine. */
function vpnOf(facts: Facts): Looked | undefined {
  const seen = facts.phone?.observed.get('rules');
  if (seen === undefined || seen.exitCode !== 0) return undefined;
  const rules = rulesIn(seen);
  const table = / lookup (\S+)/.exec(rules.find(isFromGuests)?.line ?? '')?.[1];
  const vpn = rules.find(
    ({ preference, line }) =>
      [13_000, 24_000, 27_000].includes(preference) && / uidrange 0-/.test(line) && line.endsWith(` lookup ${table}`),
  );
  const isReached = [serveDial(facts), directDial(facts)].some((dial) => dial !== undefined && isAnswered(dial));
  if (vpn === undefined || isReached) return fine(seen);
  return warned(
    {
      cause: 'phone-vpn',
      title: "the phone's VPN has the guests' packets, and may lead nowhere that the tailnet needs",
      observed: vpn.line,
      fix: 'Turn the VPN off to see whether it is that; vmkit host setup --egress uplink leads guests past it.',
    },
    seen,
  );
}

/** In doze apps have no network, and processors sleep: what answers late, or never, may be that. */
function dozing(facts: Facts): Looked | undefined {
  const doze = facts.phone?.observed.get('doze');
  if (doze === undefined || !/^[A-Z_]+$/.test(doze.output.trim())) return undefined;
  const awake = facts.phone?.observed.get('awake');
  if (!/^IDLE/.test(doze.output) || /^IDLE_PENDING/.test(doze.output)) return fine(doze);
  const isHeld = / ?\bvmkit\b/.test(awake?.output ?? '');
  return warned(
    {
      cause: 'phone-dozes',
      title: `the phone dozes${isHeld ? ', though it is kept awake: Wi-Fi may still sleep' : ''}`,
      observed: said(doze),
      fix: isHeld
        ? 'Keep it on its charger, or leave the screen on once to see whether it is that.'
        : 'On the phone, as root: touch /data/adb/vmkit/wake-lock keeps it awake while machines run.',
    },
    doze,
    awake,
  );
}

/** Why no peer gets to a machine without a card; undefined: it has one. */
export function noCard({ phone, target }: Facts): string | undefined {
  if (phone?.hasCard !== false) return undefined;
  return `under AVF the machine has no network card: vmkit forward ${target.machine} opens its ports on this computer`;
}
