import { z } from 'zod';
import type { Change, Command } from '../changes/change.ts';

/** libnftables-json(5). Rules and sets are not looked at. */
const rulesetSchema = z.object({
  nftables: z.array(
    z.object({
      chain: z
        .object({
          family: z.string(),
          table: z.string(),
          name: z.string(),
          hook: z.string().optional(),
          policy: z.string().optional(),
        })
        .optional(),
    }),
  ),
});

export type Firewall = 'docker' | 'ufw' | 'firewalld';

/** What stands in the way of forwarded packets: an accept in one chain does not keep a later one from dropping (nft(8), verdicts). */
export interface ForwardFilters {
  readonly families: readonly ('ip' | 'ip6')[];
  readonly firewalls: readonly Firewall[];
  /** Chains that drop what they do not accept and belong to none of those: `inet mine forward`. */
  readonly strangers: readonly string[];
}

/** Reads `nft -j list ruleset`. The rules of iptables-nft are in it, those of the older iptables-legacy are not. */
export function readForwardFilters(json: string): ForwardFilters {
  const chains = rulesetSchema
    .parse(JSON.parse(json || '{"nftables":[]}'))
    .nftables.flatMap(({ chain }) => chain ?? []);
  const has = (family: string, table: string, name: string): boolean =>
    chains.some((chain) => chain.family === family && chain.table === table && chain.name === name);
  const dropping = chains.filter(({ hook, policy }) => hook === 'forward' && policy === 'drop');
  const isIptables = (family: string): boolean =>
    dropping.some((chain) => chain.family === family && chain.table === 'filter' && chain.name === 'FORWARD');
  const withDocker = (['ip', 'ip6'] as const).filter(
    (family) => isIptables(family) && has(family, 'filter', 'DOCKER-USER'),
  );
  const hasUfw = isIptables('ip') && has('ip', 'filter', 'ufw-user-forward');
  const known = new Set<string>([...withDocker, ...(hasUfw ? ['ip', 'ip6'] : [])]);
  return {
    families: withDocker,
    firewalls: [
      ...(withDocker.length > 0 ? (['docker'] as const) : []),
      ...(hasUfw ? (['ufw'] as const) : []),
      ...(has('inet', 'firewalld', 'filter_FORWARD') ? (['firewalld'] as const) : []),
    ],
    strangers: dropping
      .filter(
        ({ family, table, name }) =>
          table !== 'firewalld' && !(table === 'filter' && name === 'FORWARD' && known.has(family)),
      )
      .filter(({ family }) => ['ip', 'ip6', 'inet'].includes(family))
      .map(({ family, table, name }) => `${family} ${table} ${name}`),
  };
}

/** What each firewall found offers for others' interfaces, at its documented place, with its exact undo. */
export function firewallChanges(bridge: string, { firewalls, families }: ForwardFilters): readonly Change[] {
  return firewalls.flatMap((firewall) => {
    if (firewall === 'docker') return families.flatMap((family) => dockerChanges(bridge, family));
    return firewall === 'ufw' ? [ufwChange(bridge)] : [firewalldChange(bridge)];
  });
}

/** Docker evaluates DOCKER-USER before its own rules and leaves it to others ("Docker on a router" in its manual). */
function dockerChanges(bridge: string, family: 'ip' | 'ip6'): readonly Change[] {
  const program = family === 'ip' ? 'iptables' : 'ip6tables';
  const rules = [
    { way: 'out of', match: ['-i', bridge] },
    { way: 'back to', match: ['-o', bridge, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'] },
  ];
  return rules.map(({ way, match }) => {
    const rule = (action: string): Command => ({
      argv: [program, '-w', '5', action, 'DOCKER-USER', ...match, '-j', 'ACCEPT'],
    });
    return {
      id: `${program}:DOCKER-USER:${match[0]}:${bridge}`,
      title: `Docker's chain for others lets packets ${way} ${bridge} pass (${program})`,
      apply: [rule('-I')],
      undo: [rule('-D')],
      isApplied: { argv: rule('-C').argv, needsRoot: true },
      whenFound: 'keep',
      outlivesReboot: false,
    };
  });
}

/** ufw(8), RULE SYNTAX, `ufw route`. Answers pass already: ufw-before-forward accepts what is established. ufw keeps it in its files. */
function ufwChange(bridge: string): Change {
  const rule = ['allow', 'in', 'on', bridge];
  return {
    id: `ufw:${bridge}`,
    title: `ufw lets packets out of ${bridge} be routed`,
    apply: [{ argv: ['ufw', 'route', ...rule] }],
    undo: [{ argv: ['ufw', 'route', 'delete', ...rule] }],
    isApplied: { argv: ['ufw', 'show', 'added'], prints: `ufw route ${rule.join(' ')}`, needsRoot: true },
    whenFound: 'keep',
    outlivesReboot: true,
  };
}

/** firewall-cmd(1): until firewalld is reloaded or restarted, as containers' engines do it. */
function firewalldChange(bridge: string): Change {
  const command = (action: string): Command => ({
    argv: ['firewall-cmd', '--zone=trusted', `--${action}-interface=${bridge}`],
  });
  return {
    id: `firewalld:${bridge}`,
    title: `${bridge} is in firewalld's zone trusted`,
    apply: [command('add')],
    undo: [command('remove')],
    isApplied: { argv: command('query').argv, needsRoot: true },
    whenFound: 'keep',
    outlivesReboot: false,
  };
}
