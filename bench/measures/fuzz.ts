import { fuzz } from '../../test/fuzz/fuzz.ts';
import type { Measure } from '../measure.ts';

const COUNT = 10_000;

/** Calls that end as a bug of vmkit, of many with random words, files, modes, environment and definitions. */
export const fuzzed: Measure = {
  name: 'fuzz',
  run: async () => {
    const seed = Math.floor(Math.random() * 1_000_000_000);
    const { findings } = await fuzz(COUNT, seed);
    for (const finding of findings) console.error(finding);
    return [
      {
        what: `exit 70 in ${COUNT} fuzzed calls`,
        measured: String(findings.length),
        reach: '0',
        met: findings.length === 0,
        how: `in one process, tools are stand-ins; seed ${seed}`,
      },
    ];
  },
};
