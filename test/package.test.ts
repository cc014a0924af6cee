import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { packageRoot } from '../src/core/package-root.ts';
import { installPackage } from './support/run/installed-package.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = packageRoot();
const names = z.record(z.string(), z.string()).default({});
const locked = z.object({
  packages: z.record(
    z.string(),
    z.object({
      integrity: z.string().optional(),
      resolved: z.string().optional(),
      dev: z.boolean().optional(),
      optionalDependencies: names,
    }),
  ),
});
const { packages } = locked.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
const entries = Object.entries(packages).filter(([path]) => path !== '');

test('the lock file has a digest of every package, for every platform, and no address', () => {
  expect(entries.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
  expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  const missing = entries.flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});

test('the package runs beside nothing but what it declares', async () => {
  const project = await temporaryFolder();
  const installed = installPackage(project, []);
  for (const [path, { dev }] of entries) {
    // An optional one may not be there on this platform.
    if (dev !== true && existsSync(join(root, path)))
      cpSync(join(root, path), join(project, path), { recursive: true });
  }
  const home = await temporaryFolder();
  const vmkit = (...args: string[]): string =>
    execFileSync(process.execPath, [join(installed, 'dist/main.js'), ...args], {
      encoding: 'utf8',
      cwd: home,
      env: { PATH: process.env['PATH'], HOME: home },
    });
  expect(vmkit('--help')).toContain('vmkit boot');
  expect(vmkit('boot', 'sql', '--dry-run')).toContain('sql');
  // The one declared package is loaded, too.
  expect(execFileSync(process.execPath, ['-e', "require('ssh2')"], { cwd: installed, encoding: 'utf8' })).toBe('');
}, 240_000);
