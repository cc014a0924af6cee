import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, vm/ and kernel-configs/, whether this runs from src/ or from dist/. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`No package.json above ${import.meta.url}: vmkit is not installed whole.`);
    folder = parent;
  }
  return folder;
}

/** The command that runs, for units and lines that outlive this call: a link in a cache of npx does not. */
export function ownCommand(): string[] {
  const [, program] = process.argv;
  return [process.execPath, program !== undefined && existsSync(program) ? realpathSync(program) : 'vmkit'];
}

/** vmkit's own version, from package.json. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  return 'unknown';
}
