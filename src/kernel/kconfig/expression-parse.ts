import type { CompareOperator, Expression, Operand } from './expression.ts';
import { endOfMacro } from './macros.ts';

export interface Token {
  readonly kind: 'word' | 'string' | 'macro' | 'operator';
  readonly text: string;
}

// Words as in scripts/kconfig/lexer.l, with `.` and `/` for the few unquoted paths.
const TOKEN = /\s*(?:(#.*)|(&&|\|\||!=|<=|>=|[!=<>()])|([\w./-]+)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(?=(\$\()))/y;

/** The tokens of one line, after variables were expanded. What cannot be read ends the line. */
export function tokenize(line: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < line.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(line);
    if (match === null || match[1] !== undefined) break;
    at = TOKEN.lastIndex;
    const [, , operator, word, double, single] = match;
    const quoted = double ?? single;
    if (operator !== undefined) tokens.push({ kind: 'operator', text: operator });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (quoted !== undefined) tokens.push(stringToken(quoted.replace(/\\(.)/g, '$1')));
    else {
      const end = endOfMacro(line, at);
      tokens.push({ kind: 'macro', text: line.slice(at, end) });
      at = end;
    }
  }
  return tokens;
}

function stringToken(text: string): Token {
  return { kind: text.includes('$(') ? 'macro' : 'string', text };
}

/** Reads one expression from the start of `tokens`; also returns what follows it. Undefined where there is none. */
export function parseExpression(
  tokens: readonly Token[],
): { expression: Expression; rest: readonly Token[] } | undefined {
  let at = 0;
  const isAt = (text: string): boolean => tokens[at]?.kind === 'operator' && tokens[at]?.text === text;

  const chain = (operator: '&&' | '||', kind: 'and' | 'or', next: () => Expression | undefined) => {
    const parts: Expression[] = [];
    do {
      if (parts.length > 0) at++;
      const part = next();
      if (part === undefined) return undefined;
      parts.push(part);
    } while (isAt(operator));
    const [only] = parts;
    return parts.length === 1 ? only : ({ kind, of: parts } as const);
  };
  const either = (): Expression | undefined => chain('||', 'or', both);
  const both = (): Expression | undefined => chain('&&', 'and', unary);

  const unary = (): Expression | undefined => {
    if (isAt('!')) {
      at++;
      const of = unary();
      return of && { kind: 'not', of };
    }
    if (isAt('(')) {
      at++;
      const inner = either();
      if (!isAt(')')) return undefined;
      at++;
      return inner;
    }
    const left = operandOf(tokens[at]);
    if (left === undefined) return undefined;
    at++;
    const operator = compareOperatorOf(tokens[at]);
    if (operator === undefined) return left;
    const right = operandOf(tokens[at + 1]);
    at += 2;
    return right && { kind: 'compare', operator, left, right };
  };

  const expression = either();
  return expression && { expression, rest: tokens.slice(at) };
}

function operandOf(token: Token | undefined): Operand | undefined {
  switch (token?.kind) {
    case 'word':
      return { kind: 'symbol', name: token.text };
    case 'string':
      return { kind: 'constant', value: token.text };
    case 'macro':
      return { kind: 'macro', text: token.text };
    default:
      return undefined;
  }
}

const COMPARE_OPERATORS: readonly CompareOperator[] = ['=', '!=', '<', '<=', '>', '>='];

function compareOperatorOf(token: Token | undefined): CompareOperator | undefined {
  return token?.kind === 'operator' ? COMPARE_OPERATORS.find((operator) => operator === token.text) : undefined;
}
