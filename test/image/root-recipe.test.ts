import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { parseDpkgStatus, renderPackages } from '../../src/image/packages.ts';
import { rootArtifact } from '../../src/image/root.ts';
import { rootRecipe } from '../../src/image/root-recipe.ts';
import { artifactKey } from '../../src/store/store.ts';

const sql = { arch: 'x86_64', packages: ['postgresql-17'], services: [], suite: 'trixie' } as const;

test('the recipe of a machine with PostgreSQL', async () => {
  const { packages, essentialHook, customizeHook } = rootRecipe(sql);
  const text = [packages.join('\n'), essentialHook, customizeHook].join('\n---\n');
  await expect(text).toMatchFileSnapshot('../golden/root-recipe.txt');
});

test('a package that a definition names is installed, though others do without it', () => {
  const { packages, essentialHook } = rootRecipe({ ...sql, packages: ['locales'] });
  expect(packages).toContain('locales');
  expect(essentialHook).not.toContain('locales (=');
  expect(essentialHook).toContain('libllvm19 (=');
});

test('both hooks are POSIX sh', () => {
  const { essentialHook, customizeHook } = rootRecipe(sql);
  for (const script of [essentialHook, customizeHook]) execFileSync('sh', ['-n'], { input: script });
});

test('the key follows the packages and the architecture, not their order', () => {
  const key = (packages: readonly string[], arch: 'x86_64' | 'arm64' = 'x86_64'): string =>
    artifactKey(rootArtifact({ ...sql, arch, packages }));
  expect(key(['git', 'caddy'])).toBe(key(['caddy', 'git', 'git']));
  expect(key(['git'])).not.toBe(key(['caddy']));
  expect(key(['git'])).not.toBe(key(['git'], 'arm64'));
});

test('packages.txt holds what is installed: not what was removed, nor the stand-in', () => {
  const status = [
    'Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.3\nDescription: x\n Version: 9',
    'Package: old\nStatus: deinstall ok config-files\nVersion: 1',
    'Package: vmkit-left-out\nStatus: install ok installed\nVersion: 1',
    'Package: bash\nStatus: install ok installed\nVersion: 5.2\n',
  ].join('\n\n');
  expect(renderPackages(parseDpkgStatus(status))).toBe('bash 5.2\nzlib1g 1:1.3\n');
});

test('each release leaves out its own LLVM, a root of two releases both', () => {
  const provides = (spec: object): string =>
    /^Provides: (.*)$/m.exec(rootRecipe({ ...sql, ...spec }).essentialHook)?.[1] ?? '';
  expect(provides({ suite: 'bookworm' })).toMatch(/^libllvm14 /);
  expect(provides({ suite: 'forky' })).not.toContain('llvm');
  expect(provides({ olderSuite: 'bookworm' })).toMatch(/^libllvm19 .*libllvm14 /);
});
