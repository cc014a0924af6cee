const VERDICTS = ['pass', 'fail', 'skip', 'late'] as const;

/** `late`: it had not ended when its time was over, which says nothing about the kernel. Of a script: nor the cases that would have followed. */
export type Verdict = (typeof VERDICTS)[number];

/** Verdicts of tests, by suite and name. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, Verdict>>;

/** Reads the lines `RESULT SUITE TEST VERDICT`; a name that comes again is another case. */
export function parseResults(text: string): Results {
  const results = new Map<string, Map<string, Verdict>>();
  for (const [, suite = '', test = '', told] of text.matchAll(/^RESULT (\S+) (\S+) (\w+)\r?$/gm)) {
    const tests = results.get(suite) ?? new Map<string, Verdict>();
    let name = test;
    for (let again = 2; tests.has(name); again += 1) name = `${test}#${again}`;
    tests.set(name, VERDICTS.find((each) => each === told) ?? 'fail');
    results.set(suite, tests);
  }
  return results;
}

/** How two kernels fared in one suite. */
export interface Comparison {
  readonly ours: number;
  readonly theirs: number;
  readonly tests: number;
  /** Pass on theirs, and not on ours. */
  readonly fewer: readonly string[];
  /** Pass on theirs, and time was over on ours. */
  readonly late: readonly string[];
}

/** Counts the tests of a suite whose names `matches`, with the same tests on both kernels. */
export function compare(suite: string, ours: Results, theirs: Results, matches = /./): Comparison {
  const [mine, other] = [ours, theirs].map(
    (results) => new Map([...(results.get(suite) ?? [])].filter(([test]) => matches.test(test))),
  );
  const passes = (tests: ReadonlyMap<string, Verdict> | undefined): readonly string[] =>
    [...(tests ?? [])].flatMap(([test, verdict]) => (verdict === 'pass' ? [test] : []));
  const lacking = passes(other).filter((test) => mine?.get(test) !== 'pass');
  const isLate = (test: string): boolean => mine?.get(mine.has(test) ? test : 'all') === 'late';
  return {
    ours: passes(mine).length,
    theirs: passes(other).length,
    tests: new Set([...(mine?.keys() ?? []), ...(other?.keys() ?? [])]).size,
    fewer: lacking.filter((test) => !isLate(test)),
    late: lacking.filter(isLate),
  };
}
