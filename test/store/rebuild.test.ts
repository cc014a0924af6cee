import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Artifact } from '../../src/store/artifact.ts';
import { ensureArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The n-th build holds n: an input that the key does not know. */
function counting(): Artifact {
  let builds = 0;
  return {
    kind: 'sample',
    title: 'the sample',
    inputs: {},
    build: async (directory) => {
      builds++;
      if (builds === 3) throw new Error('no network');
      await writeFile(join(directory, 'n'), String(builds));
      return {};
    },
  };
}

test('a rebuild takes the place of what is there, and one that fails leaves it', async () => {
  const context = contextIn(await temporaryFolder());
  const artifact = counting();
  const first = await ensureArtifact(artifact, context);
  const content = (): string => readFileSync(join(first.directory, 'n'), 'utf8');
  expect(await ensureArtifact(artifact, context)).toMatchObject({ cached: true });
  expect(content()).toBe('1');
  expect(await ensureArtifact(artifact, context, { rebuild: true })).toMatchObject({ cached: false, key: first.key });
  expect(content()).toBe('2');
  await expect(ensureArtifact(artifact, context, { rebuild: true })).rejects.toThrow('no network');
  expect(content()).toBe('2');
  expect(readdirSync(join(context.paths.cache, 'store')).sort()).toEqual(['locks', `sample-${first.key}`]);
  expect(context.progress.filter(({ kind }) => kind === 'note')).toEqual([]);
});
