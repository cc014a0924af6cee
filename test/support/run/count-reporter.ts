import { basename, relative } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

/**
 * Prints tables of the slow tests and of the files, slowest first, what passed only when it was tried again, and as the last line `N passed, N failed, N skipped`. A file that cannot be
 * loaded, and an error outside of all tests, is a failure.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    const broken = modules.filter((module) => module.errors().length > 0).length + errors.length;
    const line = `${count('passed')} passed, ${count('failed') + broken} failed, ${count('skipped') + count('pending')} skipped\n`;
    const again = tests.filter((test) => test.diagnostic()?.flaky === true).map(({ fullName }) => `  ${fullName}\n`);
    const flaky = again.length === 0 ? '' : `\nPassed only when tried again:\n${again.join('')}`;
    process.once('exit', () =>
      process.stdout.write(`${secondsPerTest(tests)}${secondsPerFile(modules)}${flaky}${line}`),
    );
  }
}

/** The files that took a second or longer, and the sum of the others. */
function secondsPerFile(modules: readonly TestModule[]): string {
  const files = modules.map((module) => ({
    name: relative(process.cwd(), module.moduleId),
    seconds: module.diagnostic().duration / 1000,
  }));
  const rest = files.filter(({ seconds }) => seconds < 1);
  const sum = { name: `${rest.length} others`, seconds: rest.reduce((all, { seconds }) => all + seconds, 0) };
  return table('Seconds per file', [...slowest(files, 1), sum]);
}

/** The tests that took twenty seconds or longer: what is to be made shorter, or kept for VMKIT_TEST_ALL. */
function secondsPerTest(tests: readonly TestCase[]): string {
  const timed = tests.map((test) => ({
    name: `${basename(test.module.moduleId)} ${test.name}`,
    seconds: (test.diagnostic()?.duration ?? 0) / 1000,
  }));
  return table('Tests of 20 s or longer', slowest(timed, 20));
}

interface Row {
  readonly name: string;
  readonly seconds: number;
}

function slowest(rows: readonly Row[], least: number): readonly Row[] {
  return rows.filter(({ seconds }) => seconds >= least).sort((one, other) => other.seconds - one.seconds);
}

function table(title: string, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  return `\n${title}:\n${rows.map(({ name, seconds }) => `${seconds.toFixed(1).padStart(8)}  ${name}\n`).join('')}`;
}
