import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorJson, errorText, exitCodeOf } from '../../src/cli/show/error-text.ts';
import { VmkitError } from '../../src/core/errors.ts';
import { packageRoot } from '../../src/core/package-root.ts';
import { errorCodes } from '../support/error-codes.ts';

describe('docs/errors.md', () => {
  const rows = async (): Promise<string[]> => {
    const page = await readFile(join(packageRoot(), 'docs', 'errors.md'), 'utf8');
    return [...page.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, code = '']) => code);
  };

  test('has every code of the source, and no other', async () => {
    expect(new Set(await rows())).toEqual(await errorCodes());
  });

  test('is sorted, each code once', async () => {
    expect(await rows()).toEqual([...new Set(await rows())].sort());
  });
});

describe('an error', () => {
  const late = new VmkitError('boot', 'service-late', 'Booting sql: postgres missed its deadline.\n  FATAL: x', {
    hint: 'vmkit logs sql\nvmkit console sql',
    details: { service: 'postgres' },
  });

  test('says what happened and what to try, without colour where there is no terminal', () => {
    expect(errorText(late)).toBe(
      'error: Booting sql: postgres missed its deadline.\n  FATAL: x\nhint: vmkit logs sql\n      vmkit console sql\n',
    );
  });

  test('is one line of JSON for programs', () => {
    expect(errorJson(late).trimEnd()).not.toContain('\n');
    expect(JSON.parse(errorJson(late))).toEqual({
      error: {
        kind: 'boot',
        code: 'service-late',
        message: late.message,
        hint: late.hint,
        details: { service: 'postgres' },
        exitCode: 5,
      },
    });
  });

  test('that nobody foresaw is a bug, with its stack', () => {
    const bug = new TypeError('x is not a function');
    expect(exitCodeOf(bug)).toBe(70);
    expect(errorText(bug)).toContain('errors.test.ts');
    expect(errorText(bug)).toContain('hint: This is a bug of vmkit.');
    expect(JSON.parse(errorJson(bug))).toMatchObject({ error: { code: 'bug', exitCode: 70 } });
    expect(exitCodeOf('thrown text')).toBe(70);
  });

  test.each([
    ['usage', 2],
    ['spec', 2],
    ['host', 3],
    ['tool', 3],
    ['build', 4],
    ['boot', 5],
    ['unreachable', 6],
    ['interrupted', 130],
  ] as const)('of kind %s ends with %i', (kind, exitCode) => {
    expect(exitCodeOf(new VmkitError(kind, 'some-code', 'What happened.'))).toBe(exitCode);
  });
});
