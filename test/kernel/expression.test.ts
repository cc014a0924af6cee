import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Expression, evaluate, printExpression, type Values } from '../../src/kernel/kconfig/expression.ts';
import { parseExpression, tokenize } from '../../src/kernel/kconfig/expression-parse.ts';

const parse = (text: string): Expression | undefined => parseExpression(tokenize(text))?.expression;

const settings: Readonly<Record<string, string>> = { Y: 'y', M: 'm', N: 'n', COUNT: '8', NAME: 'x86' };
const values = (modules: boolean): Values => ({ valueOf: (symbol) => settings[symbol] ?? symbol, modules });

describe('expressions', () => {
  test.each([
    ['Y', 2],
    ['M', 1],
    ['m', 1],
    ['UNKNOWN', 0],
    ['!M', 1],
    ['!N', 2],
    ['Y && M', 1],
    ['N || M', 1],
    ['N && Y || Y', 2],
    ['N && (Y || Y)', 0],
    ['!(Y && N) && M', 1],
    ['COUNT > 1', 2],
    ['COUNT >= 0x9', 0],
    ['COUNT < 16', 2],
    ['M != n', 2],
    ['!M = m', 0],
    ['NAME = "x86"', 2],
    ["NAME = 'arm64'", 0],
    ['$(cc-option,-m64) && Y', 2],
    ['"$(ARCH)" = "x86"', 2],
  ])('%s comes to %s', (text, level) => {
    const expression = parse(text);
    expect(expression && evaluate(expression, values(true))).toBe(level);
  });

  test('m is n without modules', () => {
    const expression = parse('M && m || NAME = n');
    expect(expression && evaluate(expression, values(false))).toBe(0);
  });

  test('what follows an expression is left for the caller; what cannot be read is refused', () => {
    expect(parseExpression(tokenize('A && !B if C # why'))?.rest.map(({ text }) => text)).toEqual(['if', 'C']);
    expect(parseExpression(tokenize('(A && B'))).toBeUndefined();
    expect(parseExpression(tokenize('A &&'))).toBeUndefined();
    expect(parseExpression(tokenize('A ='))).toBeUndefined();
    expect(parseExpression(tokenize(''))).toBeUndefined();
  });

  test('a macro is one word, whatever is in it', () => {
    expect(tokenize('$(success,test "$(CC)" = (a)) && B')[0]).toEqual({
      kind: 'macro',
      text: '$(success,test "$(CC)" = (a))',
    });
  });

  test('printed and read again, it means the same', () => {
    const leaf = fc.oneof(
      fc.constantFrom('Y', 'M', 'N').map((name): Expression => ({ kind: 'symbol', name })),
      fc.constantFrom('y', 'x86').map(
        (value): Expression => ({
          kind: 'compare',
          operator: '!=',
          left: { kind: 'symbol', name: 'NAME' },
          right: { kind: 'constant', value },
        }),
      ),
    );
    const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        tie('tree').map((of): Expression => ({ kind: 'not', of })),
        fc
          .tuple(fc.constantFrom('and', 'or'), fc.array(tie('tree'), { minLength: 2, maxLength: 3 }))
          .map(([kind, of]): Expression => ({ kind, of })),
      ),
    }));
    fc.assert(
      fc.property(tree, (expression) => {
        const again = parse(printExpression(expression));
        expect(again && evaluate(again, values(true))).toBe(evaluate(expression, values(true)));
      }),
    );
  });
});
