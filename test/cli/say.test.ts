import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/core/package-root.ts';

/** Who writes to the standard streams by himself, and why that is right. */
const WRITERS: Readonly<Record<string, string>> = {
  'say.ts': 'the border itself',
  'invoke.ts': 'JSON, by printableJson; and help',
  'run.ts': 'help and version: text of our own, with colours',
  'main.ts': 'errors, which error-text.ts makes harmless beside its colours',
  'attach.ts': "a person's own terminal",
  'session.ts': "a person's own terminal, or printed through the filter of logs",
  'nebula-inside.ts': 'an answer to vmkit itself',
};

test('nobody writes to a terminal past the border that makes text harmless', async () => {
  const source = join(packageRoot(), 'src');
  const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const writers = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(source, file), 'utf8');
      return /\b(stdout|stderr)\.write\(|\.pipe\(process\.std|console\.(log|error)\(/.test(text)
        ? [file.split('/').at(-1)]
        : [];
    }),
  );
  expect(new Set(writers.flat())).toEqual(new Set(Object.keys(WRITERS)));
});
