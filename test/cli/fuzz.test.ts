import { expect, test } from 'vitest';
import { fuzz } from '../fuzz/fuzz.ts';

const COUNT = 300;

test(`${COUNT} calls with random words, files, modes and environment: none is a bug, and nothing outside changes`, {
  timeout: 600_000,
}, async () => {
  // The same calls each time; `npm run bench -- fuzz` makes new ones.
  const seed = Number(process.env['VMKIT_FUZZ_SEED'] ?? 1);
  console.log(`VMKIT_FUZZ_SEED=${seed}`);
  const { findings } = await fuzz(COUNT, seed);
  expect(findings.join('\n\n')).toBe('');
});
