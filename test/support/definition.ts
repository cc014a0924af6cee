import type { Problem } from '../../src/spec/problem.ts';
import { renderProblem } from '../../src/spec/problem.ts';
import { type Parsed, parseVm } from '../../src/spec/read/parse.ts';

export function parse(text: string): Parsed {
  return parseVm(text, '/definitions/demo');
}

/** As a person sees them. */
export function rendered(problems: readonly Problem[], text: string): string {
  return problems.map((problem) => renderProblem(problem, 'vm.yaml', text)).join('\n\n');
}
