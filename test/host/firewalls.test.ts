import { describe, expect, test } from 'vitest';
import { readForwardFilters } from '../../src/host/network/firewalls.ts';

type Chain = readonly [family: string, table: string, name: string, policy?: 'drop' | 'accept'];

/** As nft 1.0.6 prints it; a policy makes it a base chain of the forward hook. */
const ruleset = (...chains: readonly Chain[]): string =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6', json_schema_version: 1 } },
      ...chains.map(([family, table, name, policy]) => ({
        chain: {
          family,
          table,
          name,
          handle: 1,
          ...(policy === undefined ? {} : { type: 'filter', hook: 'forward', prio: 0, policy }),
        },
      })),
      { rule: { family: 'ip', table: 'filter', chain: 'FORWARD', handle: 2, expr: [{ jump: { target: 'x' } }] } },
    ],
  });
const FORWARD: Chain = ['ip', 'filter', 'FORWARD', 'drop'];
const NONE = { families: [], firewalls: [], strangers: [] };

describe('what drops forwarded packets', () => {
  test.each<[string, string, object]>([
    ['an empty host', ruleset(), NONE],
    ['nothing printed', '', NONE],
    ['Docker', ruleset(FORWARD, ['ip', 'filter', 'DOCKER-USER']), { ...NONE, families: ['ip'], firewalls: ['docker'] }],
    [
      'Docker with IPv6',
      ruleset(
        FORWARD,
        ['ip', 'filter', 'DOCKER-USER'],
        ['ip6', 'filter', 'FORWARD', 'drop'],
        ['ip6', 'filter', 'DOCKER-USER'],
      ),
      { ...NONE, families: ['ip', 'ip6'], firewalls: ['docker'] },
    ],
    [
      'Docker on a host that forwarded before',
      ruleset(['ip', 'filter', 'FORWARD', 'accept'], ['ip', 'filter', 'DOCKER-USER']),
      NONE,
    ],
    [
      'ufw, and its half for IPv6',
      ruleset(FORWARD, ['ip', 'filter', 'ufw-user-forward'], ['ip6', 'filter', 'FORWARD', 'drop']),
      { ...NONE, firewalls: ['ufw'] },
    ],
    ['firewalld', ruleset(['inet', 'firewalld', 'filter_FORWARD', 'accept']), { ...NONE, firewalls: ['firewalld'] }],
    ['rules by hand', ruleset(FORWARD), { ...NONE, strangers: ['ip filter FORWARD'] }],
    [
      'Docker beside rules by hand',
      ruleset(FORWARD, ['ip', 'filter', 'DOCKER-USER'], ['inet', 'mine', 'forward', 'drop']),
      { families: ['ip'], firewalls: ['docker'], strangers: ['inet mine forward'] },
    ],
    ['a bridge of others', ruleset(['bridge', 'other', 'forward', 'drop']), NONE],
  ])('%s', (_name, json, expected) => expect(readForwardFilters(json)).toEqual(expected));
});
