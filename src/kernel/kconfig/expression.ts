/**
 * A Kconfig expression (Documentation/kbuild/kconfig-language.rst, "Menu dependencies").
 * A `macro` is a `$(...)` that only the compiler or the shell could answer.
 */
export type Expression =
  | Operand
  | { readonly kind: 'compare'; readonly operator: CompareOperator; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Expression[] };

export type Operand =
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'constant'; readonly value: string }
  | { readonly kind: 'macro'; readonly text: string };

export type CompareOperator = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** n, m and y, as Kconfig calculates with them: and is the minimum, or the maximum, not 2 - x. */
export type Tristate = 0 | 1 | 2;

/**
 * The value of a symbol as text; of one that nobody defines its own name, as in Kconfig (so that `NR_CPUS > 1` compares with 1).
 * `modules` is whether MODULES is y: without it the constant m is n.
 */
export interface Values {
  readonly valueOf: (symbol: string) => string;
  readonly modules: boolean;
}

/** What an expression comes to. Macros are taken for y: their answer is in the final .config where it matters. */
export function evaluate(expression: Expression, values: Values): Tristate {
  switch (expression.kind) {
    case 'symbol':
    case 'constant':
      return tristateOf(textOf(expression, values), values);
    case 'macro':
      return 2;
    case 'not':
      return negate(evaluate(expression.of, values));
    case 'and':
      return expression.of.reduce<Tristate>((least, each) => smaller(least, evaluate(each, values)), 2);
    case 'or':
      return expression.of.reduce<Tristate>((most, each) => greater(most, evaluate(each, values)), 0);
    case 'compare':
      return compare(expression, values) ? 2 : 0;
  }
}

export function tristateOf(value: string, { modules }: Pick<Values, 'modules'>): Tristate {
  if (value === 'y') return 2;
  return value === 'm' && modules ? 1 : 0;
}

function compare({ operator, left, right }: Extract<Expression, { kind: 'compare' }>, values: Values): boolean {
  if (left.kind === 'macro' || right.kind === 'macro') return true;
  const order = compareTexts(textOf(left, values), textOf(right, values));
  switch (operator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

const NUMBER = /^(\d+|0[xX][\da-fA-F]+)$/;

function compareTexts(a: string, b: string): number {
  if (NUMBER.test(a) && NUMBER.test(b)) return Number(BigInt(a) - BigInt(b));
  return a < b ? -1 : a === b ? 0 : 1;
}

function textOf(operand: Exclude<Operand, { kind: 'macro' }>, values: Values): string {
  if (operand.kind === 'constant') return operand.value;
  return ['y', 'm', 'n'].includes(operand.name) ? operand.name : values.valueOf(operand.name);
}

function negate(value: Tristate): Tristate {
  return value === 0 ? 2 : value === 1 ? 1 : 0;
}

function smaller(a: Tristate, b: Tristate): Tristate {
  return a < b ? a : b;
}

function greater(a: Tristate, b: Tristate): Tristate {
  return a > b ? a : b;
}

/** Whether only the compiler or the shell knows what it comes to. */
export function hasMacro(expression: Expression): boolean {
  switch (expression.kind) {
    case 'macro':
      return true;
    case 'not':
      return hasMacro(expression.of);
    case 'and':
    case 'or':
      return expression.of.some(hasMacro);
    case 'compare':
      return hasMacro(expression.left) || hasMacro(expression.right);
    default:
      return false;
  }
}

/** The expression as Kconfig files write it. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'symbol':
      return expression.name;
    case 'constant':
      return `"${expression.value}"`;
    case 'macro':
      return expression.text;
    case 'not':
      return `!${printPart(expression.of)}`;
    case 'compare':
      return `${printExpression(expression.left)} ${expression.operator} ${printExpression(expression.right)}`;
    case 'and':
      return expression.of.map(printPart).join(' && ');
    case 'or':
      return expression.of.map(printPart).join(' || ');
  }
}

function printPart(expression: Expression): string {
  const isPlain = expression.kind === 'symbol' || expression.kind === 'constant' || expression.kind === 'macro';
  const text = printExpression(expression);
  return isPlain || expression.kind === 'not' ? text : `(${text})`;
}
