import type { Facts } from '../../facts.ts';
import type { Routes, Watched } from '../seen/sightings.ts';
import type { Step } from '../step.ts';
import type { Why } from './causes.ts';
import { hopOf, inPlace } from './in-place.ts';

// What stands between an interface and the chains of nftables.

/** The interface saw it and no chain did, or all chains saw it and the interface did not: what stands between them is no route and no rule. */
export function endedAtInterface(end: Step, watched: Watched | undefined, facts: Facts): Why | undefined {
  const saw = (hook: 'entered' | 'queued' | 'arrived'): boolean =>
    watched?.sightings.some((each) => {
      const as = hook === 'queued' ? 'left' : 'delivered';
      return (
        each.hook === hook &&
        (end.isPart({ ...each, hook: as }) || (hook !== 'queued' && end.isPart({ ...each, hook: 'forwarded' })))
      );
    }) === true;
  const base = { hop: hopOf(end), isCertain: true, isGeneral: true } as const;
  const nobody = saw('queued') ? neighbourUnknown(end, watched?.routes, facts) : undefined;
  if (nobody !== undefined) return nobody;
  if (saw('queued')) {
    return {
      ...base,
      cause: 'traffic-control',
      title: `traffic control of the ${end.place} holds or drops it, behind all its rules`,
      observed: ['the last chain sent it on, and it did not leave by the interface', ...atItsInterface(watched)].join(
        '; ',
      ),
      fix: inPlace(end.place, facts, 'tc -s qdisc show; nft list ruleset'),
    };
  }
  if (!saw('arrived') || watched?.streams === undefined || saw('entered')) return undefined;
  return {
    ...base,
    cause: 'dropped-at-interface',
    title: `the ${end.place} drops it at the interface, before its routes and rules: traffic control, a chain of netdev, or one before all others`,
    observed: ['the interface took it in, and the first chain did not see it', ...atItsInterface(watched)].join('; '),
    fix: inPlace(
      end.place,
      facts,
      'nft list ruleset; iptables-legacy -t raw -vnL; tc -s filter show dev tailscale0 ingress',
    ),
  };
}

/** Of what is bound to an interface, that which ends packets: a program of XDP, a queue that drops, a filter or a rule that drops. */
function atItsInterface(watched: Watched | undefined): string[] {
  const lines = watched?.routes?.interface?.output.split('\n').map((line) => line.trim()) ?? [];
  return lines.filter((line) =>
    /\bxdp\b|\bdrop\b|dropped [1-9]|^qdisc (?!noqueue|fq_codel|pfifo_fast|ingress|clsact)/.test(line),
  );
}

const REWRITES = / -j (DNAT|REDIRECT|TPROXY)\b/;

/** The older iptables counts what its rules end, and nftables does not see it. */
export function legacyRule(end: Step, watched: Watched | undefined, facts: Facts): Why | undefined {
  const all = [...(watched?.risen ?? [])].filter(([name]) => /^ip6?tables-legacy /.test(name));
  const isEnd = ([name]: readonly [string, number]): boolean => !REWRITES.test(name);
  const rules = all.some(isEnd) ? all.filter(isEnd) : all;
  if (rules.length === 0) return undefined;
  const observed = rules.map(([name, by]) => `\`${name}\` +${by}`).join('; ');
  const fix = inPlace(end.place, facts, 'iptables-legacy-save -c; ip6tables-legacy-save -c');
  if (!all.some(isEnd)) {
    const title = `a rule of the older iptables in the ${end.place} sends it elsewhere, and nobody answers there`;
    return { cause: 'sent-elsewhere', hop: hopOf(end), title, observed, fix, isCertain: true };
  }
  return {
    cause: `${end.place === 'peer' ? 'peer' : end.place === 'guest' ? 'guest' : 'host'}-firewall`,
    hop: hopOf(end),
    title: `a rule of the older iptables in the ${end.place} drops it`,
    observed,
    fix,
    isCertain: true,
  };
}

/** It was sent on, and the network was asked in vain who has the address of the next hop (ARP, NDP). */
function neighbourUnknown(end: Step, routes: Routes | undefined, facts: Facts): Why | undefined {
  const ways = [routes?.in, routes?.back].flatMap((each) => each?.output.split(/\s+/) ?? []);
  const lost = routes?.neighbours?.output.split('\n').find((line) => ways.includes(line.split(' ')[0] ?? ''));
  if (lost === undefined) return undefined;
  return {
    cause: 'neighbour-unknown',
    hop: hopOf(end),
    title: `nobody on the network of the ${end.place} has the address of the next hop`,
    observed: `${routes?.neighbours?.command}: ${lost.trim()}`,
    fix: inPlace(end.place, facts, 'ip neigh; ip route'),
    isCertain: true,
  };
}

/** The interface saw it, and its hardware address was another machine's. */
export function passedBy(end: Step, watched: Watched | undefined, facts: Facts): Why | undefined {
  const packet = watched?.sightings.find((each) => each.hook === 'passed' && end.isPart({ ...each, hook: 'arrived' }));
  if (packet === undefined) return undefined;
  return {
    cause: 'wrong-hardware-address',
    hop: hopOf(end),
    title: `frames come to the ${end.place} that are addressed to another network card: who sends them knows a wrong one (ARP, NDP)`,
    observed: `${packet.packets} on ${packet.link}`,
    fix: `ip neigh, where they come from; ${inPlace(end.place, facts, 'ip link')}`,
    isCertain: true,
  };
}
