import { relative } from 'node:path';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Prints a table of the files, slowest first, what passed only when it was tried again, and as the last line `N passed, N failed, N skipped`. A file that cannot be
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
    process.once('exit', () => process.stdout.write(`${secondsPerFile(modules)}${flaky}${line}`));
  }
}

/** The files that took a second or longer, and the sum of the others. */
function secondsPerFile(modules: readonly TestModule[]): string {
  const files = modules.map((module) => ({
    name: relative(process.cwd(), module.moduleId),
    seconds: module.diagnostic().duration / 1000,
  }));
  const slow = files.filter(({ seconds }) => seconds >= 1).sort((one, other) => other.seconds - one.seconds);
  const rest = files.filter(({ seconds }) => seconds < 1);
  const rows = [...slow, { name: `${rest.length} others`, seconds: rest.reduce((sum, file) => sum + file.seconds, 0) }];
  return `\nSeconds per file:\n${rows.map(({ name, seconds }) => `${seconds.toFixed(1).padStart(8)}  ${name}\n`).join('')}`;
}
