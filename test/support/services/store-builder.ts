// A process that ensures one artifact: `node store-builder.mjs FOLDER`. It says when the build begins and when all is done.
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Artifact } from '../../../src/store/artifact.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../context.ts';

/** Takes some 50 ms in small steps. Each build adds a line to FOLDER/builds. */
export function sampleArtifact(folder: string, onStart: () => void = () => undefined): Artifact {
  return {
    kind: 'sample',
    title: 'the sample',
    inputs: { recipe: 1 },
    build: async (directory) => {
      await appendFile(join(folder, 'builds'), `${process.pid}\n`);
      onStart();
      await mkdir(join(directory, 'part'));
      for (let n = 0; n < 8; n++) {
        await writeFile(join(directory, 'part', `${n}`), String(n).repeat(100_000));
        await sleep(4);
      }
      return { parts: 8 };
    },
  };
}

if (process.argv[1]?.endsWith('store-builder.mjs')) {
  const folder = process.argv[2] ?? '';
  const { cached } = await ensureArtifact(
    sampleArtifact(folder, () => process.stdout.write('building\n')),
    contextIn(folder),
  );
  process.stdout.write(cached ? 'cached\n' : 'built\n');
}
