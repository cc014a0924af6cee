import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { printExpression } from '../../src/kernel/kconfig/expression.ts';
import type { KconfigSymbol } from '../../src/kernel/kconfig/kconfig.ts';
import { choiceOf, dependenciesOf, promptConditionsOf } from '../../src/kernel/kconfig/state.ts';
import { readKconfigTree } from '../../src/kernel/kconfig/tree.ts';

const folder = join(import.meta.dirname, 'fixtures/kconfig');
const tree = readKconfigTree(folder, 'x86_64');

function symbol(name: string): KconfigSymbol {
  const found = tree.symbols.get(name);
  if (found === undefined) throw new Error(`The fixture has no ${name}.`);
  return found;
}

const conditions = (name: string): string[] =>
  symbol(name).definitions.map((definition) =>
    (promptConditionsOf(definition) ?? []).map(({ expression }) => printExpression(expression)).join(', '),
  );

describe('Kconfig files', () => {
  test('one architecture is read, and what its files source', () => {
    expect([...tree.symbols.keys()]).toEqual(expect.arrayContaining(['X86', 'EROFS_FS_ZIP', 'RING_B']));
    expect(tree.symbols.has('ARM64')).toBe(false);
    expect(readKconfigTree(folder, 'arm64').symbols.has('ARM_CLOCK')).toBe(true);
  });

  test('a help text is no source', () => {
    expect(tree.symbols.has('NOT_A_SYMBOL')).toBe(false);
  });

  test('dependencies come from menus, ifs and the symbol itself, with their places', () => {
    const [definition] = symbol('EROFS_FS').definitions;
    expect(definition && dependenciesOf(definition)).toEqual([
      { expression: { kind: 'symbol', name: 'MISC_FILESYSTEMS' }, place: { file: 'fs/Kconfig', line: 11 } },
      { expression: { kind: 'symbol', name: 'BLOCK' }, place: { file: 'fs/Kconfig.erofs', line: 3 } },
    ]);
    expect(definition?.place).toEqual({ file: 'fs/Kconfig.erofs', line: 1 });
  });

  test('a continued line, a variable, a condition of a prompt and of a menu', () => {
    expect(conditions('NEEDS_HELPER')).toEqual(['HIDDEN_HELPER || (HAVE_FAST_PATH && MISSING_EVERYWHERE)']);
    expect(conditions('64BIT')).toEqual(['"x86_64" = "x86"']);
    expect(conditions('NR_CPUS')).toEqual(['SMP']);
    expect(conditions('VISIBLE_TO_EXPERTS')).toEqual(['BLOCK, EXPERT']);
    expect(symbol('NR_CPUS').definitions[0]?.ranges.map(({ high }) => printExpression(high))).toEqual(['64', '512']);
  });

  test('types, choices, selects, and a symbol that is defined twice', () => {
    expect(['EROFS_FS', 'BLOCK', 'NR_CPUS', 'START', 'NAME', 'X86'].map((name) => symbol(name).type)).toEqual([
      'tristate',
      'bool',
      'int',
      'hex',
      'string',
      'bool',
    ]);
    const [definition] = symbol('PACK_LZ4').definitions;
    expect(definition && choiceOf(definition)).toMatchObject({
      title: 'Compression',
      members: ['PACK_GZIP', 'PACK_LZ4'],
    });
    expect(tree.selectors.get('FORCED')).toMatchObject([
      { selector: 'X86', place: { file: 'arch/x86/Kconfig', line: 4 } },
    ]);
    expect(symbol('NAME').definitions).toHaveLength(2);
  });

  test('a folder without Kconfig files is refused', () => {
    expect(() => readKconfigTree(join(folder, 'scripts'), 'x86_64')).toThrowError(
      expect.objectContaining({ code: 'kconfig-unreadable' }),
    );
  });
});
