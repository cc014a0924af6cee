import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { machinePaths } from '../../../src/core/paths.ts';
import { replaceByCopy } from '../../../src/verbs/upgrade/replace-by-copy.ts';
import { contextIn } from '../context.ts';
import { specWith } from '../spec.ts';

/** What an import or an upgrade does to a machine's files, with no guest: `FOLDER NAME TEXT AT`. It is there to be killed. */
const [folder = '', name = '', text = '', at = ''] = process.argv.slice(2);
const undertaking = { command: 'test', snapshot: 'before', done: 'changed', failed: 'import-failed' } as const;
process.stdout.write('begins\n');
await replaceByCopy(
  specWith(name, []),
  undertaking,
  contextIn(folder),
  async () => undefined,
  async (apart) => {
    const { dataDisk, secretsDir } = machinePaths(apart.paths, name);
    const disk = await open(dataDisk, 'r+');
    await disk.write(Buffer.from(text.padEnd(4096)), 0, null, Number(at));
    await disk.close();
    await mkdir(join(secretsDir, 'postgres'), { recursive: true });
    await writeFile(join(secretsDir, 'postgres', 'app-password'), `${text}\n`);
  },
);
