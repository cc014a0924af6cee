import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: ['default', './test/support/count-reporter.ts'],
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
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 2_500_000,
          hookTimeout: 2_500_000,
          fileParallelism: false,
          // After the unit tests: a kernel that is being compiled starves them.
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
