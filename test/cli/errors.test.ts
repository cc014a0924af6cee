import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorJson, errorText, exitCodeOf } from '../../src/cli/show/error-text.ts';
import { ERROR_CODES } from '../../src/core/errors/error-codes.ts';
import { VmkitError } from '../../src/core/errors/errors.ts';
import { packageRoot } from '../../src/core/package-root.ts';

describe('docs/errors.md', () => {
  const rows = async (): Promise<string[]> => {
    const page = await readFile(join(packageRoot(), 'docs', 'errors.md'), 'utf8');
    return [...page.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, code = '']) => code);
  };

  test('has every code, and no other, each once and sorted', async () => {
    expect(await rows()).toEqual([...new Set<string>(ERROR_CODES)].sort());
  });

  test('has none that no error has', async () => {
    const root = join(packageRoot(), 'src');
    const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'));
    const others = files.filter((file) => file !== join('core', 'error-codes.ts'));
    const texts = (await Promise.all(others.map((file) => readFile(join(root, file), 'utf8')))).join('\n');
    expect(ERROR_CODES.filter((code) => !texts.includes(`'${code}'`))).toEqual([]);
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

  test('names the host that --host named in the commands of its hint', () => {
    const mixed = new VmkitError('boot', 'machine-off', 'x', {
      hint: 'vmkit boot sql makes it, vmkit build-kernel the kernel; see vmkit --help and /vmkit/ls.',
    });
    const hint =
      'vmkit --host ssh://server boot sql makes it, vmkit build-kernel the kernel; see vmkit --help and /vmkit/ls.';
    expect(errorText(mixed, {}, 'ssh://server')).toBe(`error: x\nhint: ${hint}\n`);
    expect(JSON.parse(errorJson(mixed, 'ssh://server'))).toMatchObject({ error: { hint } });
    expect(errorText(late, {}, 'ssh://server')).toContain('vmkit --host ssh://server console sql');
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
    expect(exitCodeOf(new VmkitError(kind, 'tool-failed', 'What happened.'))).toBe(exitCode);
  });
});
