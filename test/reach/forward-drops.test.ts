import { expect, test } from 'vitest';
import { whyDropped } from '../../src/reach/checks/forward.ts';
import type { Dial, NodeFacts } from '../../src/reach/facts.ts';
import { type Drop, forwardDrops, risen } from '../../src/reach/look/forward-drops.ts';
import { must, namespace, whyNoNamespaces } from '../support/namespaces.ts';
import { facts } from '../support/probe-facts.ts';

const RULES = `table inet mine {
  chain open { type filter hook forward priority 0; policy accept; ct state invalid counter packets 3 bytes 120 drop; goto other; }
  chain other { ip daddr 192.0.2.1 reject; }
  chain unused { drop; }
  chain input { type filter hook input priority 0; policy drop; }
}
table ip shut { chain forward { type filter hook forward priority 10; policy drop; } ; }
`;

const reason = whyNoNamespaces();
test.skipIf(reason !== undefined)(
  'all that drops forwarded packets, jumped to or by policy, and nothing else',
  async () => {
    const host = await namespace();
    await must(host, ['nft', '-f', '-'], RULES.replaceAll('; }', '\n}').replaceAll('{ type', '{\ntype'));
    const drops = forwardDrops(await must(host, ['nft', '-j', 'list', 'ruleset'])) ?? [];
    expect(drops.map(({ table, chain, packets, isByState }) => [table, chain, packets, isByState])).toEqual([
      ['ip shut', 'forward', undefined, false],
      ['inet mine', 'open', 3, true],
      ['inet mine', 'other', undefined, false],
    ]);
  },
);

test('what cannot be read says nothing', () => {
  expect(forwardDrops(undefined)).toBeUndefined();
  expect(forwardDrops('Operation not permitted')).toBeUndefined();
});

const drop = (over: Partial<Drop>): Drop => ({
  id: 'ip mine forward 1',
  table: 'ip mine',
  chain: 'forward',
  packets: undefined,
  isByState: false,
  ...over,
});
const causeOf = (before: readonly Drop[], after: readonly Drop[]): string | undefined => {
  const node: NodeFacts = {
    title: 'this host',
    machine: undefined,
    observed: new Map(),
    status: undefined,
    serve: undefined,
    prefs: undefined,
    link: 'tailscale0',
    drops: { before, after },
  };
  const observation = { vantage: 'peer' as const, command: 'dial', output: 'timeout', exitCode: 1 };
  const dial: Dial = { result: 'timeout', firstByteMs: undefined, observation };
  const looked = whyDropped(node, dial, facts().target);
  return looked === undefined || looked.ok ? undefined : looked.problem.cause;
};

test('a counter that went up is proof; a rule that did not count is no suspect then', () => {
  const quiet = drop({ id: 'quiet', packets: 9 });
  const silent = drop({ id: 'silent' });
  const stateful = drop({ id: 's', table: 'ip filter', chain: 'ts-forward', packets: 1, isByState: true });
  const after = [quiet, silent, { ...stateful, packets: 4 }];
  expect(risen([quiet, silent, stateful], after).map(({ id }) => id)).toEqual(['s']);
  expect(causeOf([quiet, silent, stateful], after)).toBe('stateful-filtering');
});

test('without proof, only what drops and does not count is suspected, and never vmkit itself', () => {
  const vmkits = drop({ table: 'inet vmkit_vmkit', packets: 2 });
  expect(causeOf([vmkits], [vmkits])).toBeUndefined();
  expect(causeOf([vmkits], [{ ...vmkits, packets: 3 }])).toBe('bridge-closed');
  expect(causeOf([], [drop({})])).toBe('host-firewall');
  expect(causeOf([drop({ packets: 7 })], [drop({ packets: 7 })])).toBeUndefined();
});
