import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { packageRoot } from '../../src/core/package-root.ts';
import * as library from '../../src/index.ts';
import { installPackage } from '../support/run/installed-package.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let project = '';
let installed = '';
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'vmkit-test-'));
  installed = installPackage(project, ['@types/node', 'undici-types']);
}, 240_000);
afterAll(() => rm(project, { recursive: true, force: true }));

const sourceMap = z.object({ sources: z.array(z.string()) });

/** The files of src/ and node_modules that a built file is made of, with all that it imports, now or later. */
function sourcesOf(entry: string): string[] {
  const files = [entry];
  for (const file of files) {
    const imported = [...readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*["'](\.\/[^"']+\.js)["']/g)];
    for (const [, path = ''] of imported) {
      const found = resolve(join(file, '..'), path);
      if (!files.includes(found)) files.push(found);
    }
  }
  return files.flatMap((file) => sourceMap.parse(JSON.parse(readFileSync(`${file}.map`, 'utf8'))).sources);
}

test('the library is built without the command line', () => {
  const ofTheCommandLine = (sources: string[]): string[] =>
    sources.filter((source) => /\/src\/cli\/|node_modules\/(yargs|listr2|@inquirer)/.test(source));
  const sources = sourcesOf(join(installed, 'dist', 'index.js'));
  expect(sources.filter((source) => source.endsWith('src/verbs/stop.ts'))).toHaveLength(1);
  expect(ofTheCommandLine(sources)).toEqual([]);
  // The same look finds them where they are.
  expect(ofTheCommandLine(sourcesOf(join(installed, 'dist', 'main.js'))).join(' ')).toMatch(/src\/cli\/.*yargs/);
});

const PROGRAM = `
import { type BootedMachine, boot, build, type Context, createContext, expose, loadVm, type MachineStatus } from 'vmkit';
import { type Progress, probe, status, stop, unexpose, type VmSpec, VmkitError } from 'vmkit';

const told: Progress[] = [];
const context: Context = createContext({ paths: { data: '/d', state: '/s' }, report: (each) => told.push(each) });
const spec: VmSpec = await loadVm('sql', context);
const machine: BootedMachine = await boot({ ...spec, memoryMib: 1024 }, context);
const address: string | undefined = machine.ports[0]?.address;
const { condition }: MachineStatus = await status(spec.name, context);
const kernel: string = (await build(spec, context)).kernel;
const works = (await probe(spec, context, { from: 'ssh://me@laptop' })).ways.map(({ state }) => state === 'works');
const ways: string[] = [(await expose(spec, context, { via: 'guest' })).address, ...(await unexpose(spec, context)).takenBack];
const clean: boolean = (await stop(spec.name, context, { withinSeconds: 5 })).every(({ stopped }) => !stopped?.forced);
const code = (error: unknown): string => (error instanceof VmkitError ? error.code : '');
// @ts-expect-error what is not declared is no option
await boot(spec, context, { setup: true });
// @ts-expect-error a result is no \`any\`
const wrong: number = machine.name;
export { address, clean, code, condition, kernel, told, ways, works, wrong };
`;

test('a program is checked against the types of the installed package alone', async () => {
  writeFileSync(join(project, 'program.ts'), PROGRAM);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  const compilerOptions = { module: 'NodeNext', target: 'ES2023', lib: ['ES2023'], strict: true, noEmit: true };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  const tsc = join(packageRoot(), 'node_modules', '.bin', 'tsc');
  const { stdout } = await promisify(execFile)(tsc, ['-p', project], { cwd: project }).catch((error) => error);
  expect(stdout).toBe('');
}, 240_000);

test('docs/library.md has every function in its table, and no other, with errors that there are', () => {
  const page = readFileSync(join(packageRoot(), 'docs', 'library.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)\(.*?\|([^|]*)\|$/gm)].map(([, name = '', errors = '']) => ({
    name,
    errors,
  }));
  const functions = Object.keys(library).filter((name) => name !== 'VmkitError');
  expect(rows.map(({ name }) => name).sort()).toEqual(functions.sort());
  const codes = rows.flatMap(({ errors }) => [...errors.matchAll(/`([a-z]+-[a-z-]+)`/g)].map(([, code]) => code));
  const known = readFileSync(join(packageRoot(), 'docs', 'errors.md'), 'utf8');
  expect(codes.filter((code) => !known.includes(`| \`${code}\` |`))).toEqual([]);
  expect(codes).toContain('unknown-machine');
});

test('a context has the folders that it is given, and others by XDG', () => {
  const { paths } = library.createContext({ paths: { data: '/somewhere' } });
  expect(paths.data).toBe('/somewhere');
  expect(paths.state).toMatch(/vmkit$/);
});

test('an aborted signal ends work with `interrupted`', async () => {
  const folder = await temporaryFolder();
  const context = library.createContext({ signal: AbortSignal.abort(), paths: { data: folder, state: folder } });
  await expect(library.boot('sql', context)).rejects.toMatchObject({ code: 'interrupted' });
});

test('what is not there is told by its code', async () => {
  const folder = await temporaryFolder();
  const context = library.createContext({ paths: { data: folder, state: folder } });
  await expect(library.status('nothing', context)).rejects.toMatchObject({ code: 'unknown-machine' });
  await expect(library.stop('nothing', context)).rejects.toMatchObject({ code: 'unknown-machine' });
  await expect(library.boot('./nothing', context)).rejects.toMatchObject({ code: 'definition-missing' });
  await expect(library.probe('sql', context, { service: 'web' })).rejects.toMatchObject({ code: 'no-port' });
  await expect(library.expose('sql', context)).rejects.toMatchObject({ code: 'machine-off' });
});
