import { VmkitError } from '../core/errors/errors.ts';

export type YamlPath = readonly (string | number)[];

/** Something wrong in a definition, not yet placed in the text. */
export interface Finding {
  readonly path: YamlPath;
  /** Point at the key instead of the value. */
  readonly atKey?: boolean;
  /** What happened, without a full stop: `unknown key`. Absent: composed of `expected` and what is found there. */
  readonly message?: string;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
  /** A warning is said, and the definition is taken. */
  readonly isWarning?: boolean;
}

/** A finding with its place. Lines and columns count from 1. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  /** `services[1].ready.within`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly hint: string | undefined;
  readonly severity: 'error' | 'warning';
}

export function pathText(path: YamlPath): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** Like a compiler: place and message, the line with a mark, the hint. */
export function renderProblem(problem: Problem, file: string, text: string): string {
  const { line, column, path, message, hint, severity } = problem;
  const label = `${severity === 'warning' ? 'warning: ' : ''}${path === '' ? '' : `${path}: `}`;
  const source = text.split('\n')[line - 1] ?? '';
  const gutter = `${String(line).padStart(5)} | `;
  const mark = `${' '.repeat(gutter.length - 2)}| ${source.slice(0, column - 1).replace(/[^\t]/g, ' ')}^`;
  const lines = [`${file}:${line}:${column}: ${label}${message}`, `${gutter}${source}`, mark];
  if (hint !== undefined)
    lines.push(...hint.split('\n').map((each, index) => `${index === 0 ? '  hint: ' : '        '}${each}`));
  return lines.join('\n');
}

/** All problems of a definition in one error. */
export function specInvalid(file: string, text: string, problems: readonly Problem[]): VmkitError {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const count = errors === 1 ? '1 problem' : `${errors} problems`;
  const all = problems.map((problem) => renderProblem(problem, file, text));
  return new VmkitError('spec', 'spec-invalid', [`${file} has ${count}.`, ...all].join('\n\n'), {
    details: { file, problems },
  });
}
