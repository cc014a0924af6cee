import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { ENDS } from '../../test/support/ways/ends.ts';
import { FAULTS } from '../../test/support/ways/faults.ts';
import type { Measure, Row } from '../measure.ts';
import { time } from '../measure.ts';

/** The causes to recognise, and the tests that put each into a working guest, host or peer and expect just that verdict. */
const KNOWN: Readonly<Record<string, RegExp>> = {
  'loopback down': /lo down: named/,
  'rule 0 deleted or moved': /rule 0 deleted|local-rule-moved/,
  'backend not listening': /backend-not-listening/,
  'backend bound to another address': /backend-other-address/,
  'port clash': /port-clash/,
  '/dev/net/tun missing': /mode tun without/,
  'kernel without policy routing': /kernel-no-policy-routing/,
  'kernel without nftables and no iptables': /kernel-no-nftables/,
  'not logged in': /logged out/,
  'key expired': /key that expired/,
  'serve not configured': /serve-not-configured/,
  'clock wrong by a day': /clock-wrong/,
  'route not approved': /what is not approved is named/,
  'peer does not accept routes': /does not accept routes/,
  'ip_forward off': /ip-forward-off/,
  'host firewall': /host-firewall/,
  'stateful filtering': /stateful filtering/,
  'MTU too large': /large packets are lost/,
  'resolver broken by accept-dns': /resolver that accept-dns broke/,
  'no DERP and no direct path': /neither relay nor direct path/,
};

const results = z.object({
  testResults: z.array(
    z.object({
      assertionResults: z.array(
        z.object({
          title: z.string(),
          status: z.string(),
          meta: z.object({ probeMs: z.number().optional() }).optional(),
        }),
      ),
    }),
  ),
});

/** By the tests themselves: each fault, in turn, in real guests. */
export const faults: Measure = {
  name: 'faults',
  run: async () => {
    const tests = await runTests(['test/e2e/ways/tailnet']);
    const isNamed = (pattern: RegExp): boolean => {
      const proofs = tests.filter(({ title }) => pattern.test(title));
      return proofs.length > 0 && proofs.every(({ status }) => status === 'passed');
    };
    const known = Object.entries(KNOWN).map(([fault, pattern]) => ({ fault, isRight: isNamed(pattern) }));
    return [
      countRow('known faults named right', known, 'put into real guests, hosts and peers by test/e2e/ways/tailnet*'),
    ];
  },
};

/** Faults of all kinds: in one real guest of a tailnet, and by real packets in namespaces. */
export const faultKinds: Measure = {
  name: 'fault-kinds',
  run: async () => {
    const tests = await runTests(['test/e2e/ways/probe-faults', 'test/e2e/ways/follow']);
    const tried = (titles: readonly string[]): { fault: string; isRight: boolean }[] =>
      titles.map((fault) => ({
        fault,
        isRight: tests.some(({ title, status }) => title === fault && status === 'passed'),
      }));
    const longest = Math.max(0, ...tests.map(({ meta }) => meta?.probeMs ?? 0)) / 1000;
    return [
      countRow(
        'faults that are in no table: hop and cause right',
        tried(ENDS.map(({ fault }) => fault)),
        'test/support/ways/ends.ts, real packets in network namespaces',
      ),
      countRow(
        'kinds of faults: state, cause and hop right',
        tried(FAULTS.map(({ name }) => `fault: ${name}`)),
        'test/support/ways/faults.ts, over one guest and peer',
      ),
      {
        what: 'longest probe of these kinds',
        measured: `${longest.toFixed(1)} s`,
        reach: '15 s',
        met: longest > 0 && longest <= 15,
        how: 'as the report tells it; the start and login of the peer included',
      },
    ];
  },
};

type TestResult = z.infer<typeof results>['testResults'][number]['assertionResults'][number];

/** One file after the other: guests beside one another would be slower than those of a person. */
async function runTests(files: readonly string[]): Promise<TestResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-faults-'));
  try {
    const file = join(folder, 'results.json');
    const only = ['--project', 'e2e', ...files, '--no-file-parallelism', '--reporter=json', `--outputFile=${file}`];
    // Its exit code tells no more than the file.
    await time(['npx', 'vitest', 'run', ...only], { VMKIT_TEST_ALL: '1' }).catch(console.error);
    const { testResults } = results.parse(JSON.parse(await readFile(file, 'utf8')));
    return testResults.flatMap(({ assertionResults }) => assertionResults);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function countRow(what: string, tried: readonly { fault: string; isRight: boolean }[], how: string): Row {
  const missed = tried.filter(({ isRight }) => !isRight).map(({ fault }) => fault);
  return {
    what,
    measured: `${tried.length - missed.length} of ${tried.length}`,
    reach: `${tried.length} of ${tried.length}`,
    met: missed.length === 0,
    how: missed.length === 0 ? how : `missed: ${missed.join(', ')}`,
  };
}
