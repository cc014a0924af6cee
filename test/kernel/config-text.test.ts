import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSameValue, parseConfigText, printSetting, readConfig } from '../../src/kernel/kconfig/config-text.ts';

const symbol = fc.stringMatching(/^[A-Z0-9][A-Z0-9_]{0,20}$/);
const text = fc.string().map((value) => `"${value.replace(/[\\"]/g, '\\$&').replace(/[\r\n]/g, ' ')}"`);
const value = fc.oneof(
  fc.constantFrom('y', 'm', 'n'),
  fc.integer().map(String),
  fc.nat().map((number) => `0x${number.toString(16)}`),
  text,
);

describe('the text of a configuration', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ symbol, value })), (settings) => {
        const { lines, unreadable } = parseConfigText(settings.map((each) => `${printSetting(each)}\n`).join(''));
        expect(unreadable).toEqual([]);
        expect(lines.map(({ symbol, value }) => ({ symbol, value }))).toEqual(settings);
      }),
    );
  });

  test('has lines that mean something, lines that mean nothing, and lines that nobody can read', () => {
    const config = [
      '# Linux/x86 6.12.0 Kernel Configuration',
      '',
      'CONFIG_A=y\r',
      '  # CONFIG_B is not set  ',
      'CONFIG_C="a \\"quoted\\" # word"',
      'CONFIG_D=yes',
      'CONFIG_E = y',
      'E=y',
      'CONFIG_F=',
    ].join('\n');
    expect(parseConfigText(config)).toEqual({
      lines: [
        { symbol: 'A', value: 'y', line: 3 },
        { symbol: 'B', value: 'n', line: 4 },
        { symbol: 'C', value: '"a \\"quoted\\" # word"', line: 5 },
      ],
      unreadable: [
        { line: 6, text: 'CONFIG_D=yes' },
        { line: 7, text: 'CONFIG_E = y' },
        { line: 8, text: 'E=y' },
        { line: 9, text: 'CONFIG_F=' },
      ],
    });
  });

  test('counts its last word on a symbol', () => {
    expect(readConfig('CONFIG_A=y\n# CONFIG_A is not set\n').get('A')).toBe('n');
  });

  test.each([
    ['0x10', '16', true],
    ['0xFF', '0xff', true],
    ['64', '64', true],
    ['"64"', '64', false],
    ['y', 'm', false],
  ])('%s and %s mean the same: %s', (a, b, same) => {
    expect(isSameValue(a, b)).toBe(same);
  });
});
