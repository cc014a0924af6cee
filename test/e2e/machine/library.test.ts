import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/core/package-root.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { docsExamples } from '../../support/run/docs-examples.ts';
import { installPackage } from '../../support/run/installed-package.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('the example of docs/library.md passes as it stands, beside the installed package', async () => {
  const page = readFileSync(join(packageRoot(), 'docs', 'library.md'), 'utf8');
  const [, example = ''] = /^```ts\n(.*?)^```$/ms.exec(page) ?? [];
  const hello = (await docsExamples()).find(({ name, place }) => name === 'hello' && place.startsWith('README.md'));
  const project = await temporaryFolder();
  installPackage(project, ['ssh2', 'vitest']);
  mkdirSync(join(project, 'vm', 'hello'), { recursive: true });
  // The page's own port may be taken on this host.
  const definition = hello?.definition.replace(/\bhost: \d+/, `host: ${await freePort()}`) ?? '';
  writeFileSync(join(project, 'vm', 'hello', 'vm.yaml'), definition);
  writeFileSync(join(project, 'hello.test.ts'), example);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  // Its temporary folder too, so that what it leaves is seen.
  mkdirSync(join(project, 'tmp'));
  const env = { ...process.env, TMPDIR: join(project, 'tmp'), NO_COLOR: '1' };
  const vitest = join(packageRoot(), 'node_modules', 'vitest', 'vitest.mjs');
  const run = promisify(execFile)(process.execPath, [vitest, 'run', '--reporter=verbose'], { cwd: project, env });
  const { stdout, stderr } = await run.catch((error) => error);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/2 passed/);
  const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
  expect(left.filter((line) => line.includes(project) && !line.startsWith('ps '))).toEqual([]);
});
