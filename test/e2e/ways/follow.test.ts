import { beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../../src/reach/report.ts';
import { whyNoNamespaces } from '../../support/hosts/namespaces.ts';
import { ENDS } from '../../support/ways/ends.ts';
import { followIn, LacksFault } from '../../support/ways/followed.ts';

const reason = whyNoNamespaces();

/** Real packets, rules and routes, in network namespaces: no machine has to boot for it. */
describe.skipIf(reason !== undefined)(`where a packet ends${reason === undefined ? '' : `: ${reason}`}`, () => {
  const verdicts = new Map<string, Verdict>();
  const lacking = new Map<string, string>();
  beforeAll(async () => {
    const waiting = [...ENDS.entries()];
    // Some at once: they wait most of the time, and each starts a dozen processes.
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, { fault, ...made }] = next;
        try {
          verdicts.set(fault, await followIn(`vmkit-f${process.pid}-${index}`, made));
        } catch (error) {
          if (!(error instanceof LacksFault)) throw error;
          lacking.set(fault, error.message);
        }
      }
    };
    await Promise.all(Array.from({ length: 6 }, work));
  });

  test.for(ENDS.map((each) => [each.fault, each] as const))('%s', ([fault, { state, hop, cause }], { skip }) => {
    skip(lacking.has(fault), lacking.get(fault));
    const seen = verdicts.get(fault);
    const { finding } = seen ?? {};
    expect([seen?.state, finding?.hop, finding?.cause], finding?.observed).toEqual([state, hop, cause]);
  });

  test.for([
    [
      'a rule',
      'nft "table ip6 fault { chain c { type filter hook input priority 0; tcp dport 3000 drop; }; }"',
      'drop',
    ],
    ['no way back', 'ip -6 route add unreachable fd7a:115c:a1e0::2', 'fd7a:115c:a1e0::2'],
  ] as const)('IPv6 is silent beside IPv4, which answers: %s', async ([name, script, told]) => {
    const verdict = await followIn(`vmkit-f${process.pid}-both-${name.length}`, { script, isBoth: true });
    expect(verdict).toMatchObject({ state: 'works', warnings: [{ cause: 'one-family-silent', hop: 'guest' }] });
    expect(verdict.warnings[0]?.observed).toContain(told);
    expect(verdict.warnings[0]?.title).toMatch(/^by IPv6 no answer comes, by the other family it does: ./);
  });
});
