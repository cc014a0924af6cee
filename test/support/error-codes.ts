import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/core/package-root.ts';

/**
 * Every error code in src/: in `new VmkitError(KIND, CODE`, in tables of `code: CODE`, and in stage 1's `fatal CODE`.
 * Read from the text, since codes are literals everywhere.
 */
export async function errorCodes(): Promise<Set<string>> {
  const root = join(packageRoot(), 'src');
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')));
  return new Set(texts.flatMap(codesIn));
}

function codesIn(text: string): string[] {
  const thrown = [...text.matchAll(/new VmkitError\(\s*[^,]+,([^,]+),/g)].flatMap(([, code = '']) => [
    ...code.matchAll(/'([a-z0-9-]+)'/g),
  ]);
  const tables = [...text.matchAll(/\bcode: '([a-z0-9-]+)'/g)];
  // A function that chooses one: `codeOf(): 'a' | 'b'`.
  const chosen = [...text.matchAll(/function code\w*\([^)]*\): ('[^{]+) \{/g)].flatMap(([, code = '']) => [
    ...code.matchAll(/'([a-z0-9-]+)'/g),
  ]);
  const fatal = [...text.matchAll(/\|\| fatal ([a-z0-9-]+) /g)];
  return [...thrown, ...tables, ...chosen, ...fatal].map(([, code = '']) => code).filter((code) => code !== '');
}
