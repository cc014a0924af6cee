import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../src/core/package-root.ts';

/**
 * vmkit below `project`/node_modules as npm installs it: built, packed by `npm pack`, unpacked. Returns its folder. `beside`: packages of this
 * checkout that are linked next to it.
 */
export function installPackage(project: string, beside: readonly string[]): string {
  const root = packageRoot();
  const staged = join(project, 'staged');
  mkdirSync(staged, { recursive: true });
  execFileSync(process.execPath, ['scripts/build.mjs', join(staged, 'dist')], { cwd: root });
  for (const name of ['package.json', 'kernel-configs', 'vm', 'README.md', 'LICENSE'])
    cpSync(join(root, name), join(staged, name), { recursive: true });
  // Its scripts would build it again.
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent'], { cwd: staged, encoding: 'utf8' });
  const installed = join(project, 'node_modules', 'vmkit');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(staged, packed.trim()), '-C', installed, '--strip-components=1']);
  for (const name of beside) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  return installed;
}
