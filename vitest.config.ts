import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/run/longest-first.ts';

/**
 * End-to-end tests that are the only ones at work: they cut off what must be in the middle of its work, wait one or two seconds
 * for an answer, or use all processors. All others have ports, folders and namespaces of their own, and run two beside one
 * another: a guest that is emulated takes one processor. Three gain a tenth, and are late more often (measured on two).
 */
const ALONE = ['hosts/host-contract', 'hosts/host-network', 'hosts/ssh-faults', 'machine/kernel'].map(
  (name) => `test/e2e/${name}.test.ts`,
);

// On a computer that emulates guests and shares its processors, one of a thousand waits is too short. What passes at its second try only is named at the end.
const e2e = { testTimeout: 2_500_000, hookTimeout: 2_500_000, retry: 1 };

// One for all files: some take turns by it (test/support/run/sampled.ts).
process.env['VMKIT_TEST_SEED'] ??= String(Date.now() % 1_000_000);

export default defineConfig({
  test: {
    reporters: ['default', './test/support/run/count-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // After the unit tests: a kernel that is being compiled starves them. Before the others, which find it built.
        test: { ...e2e, name: 'e2e-alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
      {
        test: {
          ...e2e,
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
