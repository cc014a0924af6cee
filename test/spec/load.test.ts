import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/core/package-root.ts';
import type { Progress } from '../../src/core/progress.ts';
import type { Host } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local/local.ts';
import { definitionNames } from '../../src/spec/read/definitions.ts';
import { definitionJsonSchema, definitionSchema } from '../../src/spec/read/json-schema.ts';
import { loadVm } from '../../src/spec/read/load.ts';
import { renderReference } from '../../src/spec/reference.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DEMO = 'name: demo\nmemory: 512MiB\ndata: 1GiB\nservices:\n  - use: postgres\n';

/** This machine, as if it were another one. */
function hostWith(facts: { machine?: string; isRoot?: boolean }): Host {
  const host = localHost();
  return { ...host, facts: async () => ({ ...(await host.facts()), ...facts }) };
}

async function projectWith(text: string, folder = 'demo'): Promise<string> {
  const cwd = await temporaryFolder();
  await mkdir(join(cwd, 'vm', folder), { recursive: true });
  await writeFile(join(cwd, 'vm', folder, 'vm.yaml'), text);
  return cwd;
}

describe('what ships', () => {
  test.each(['forgejo', 'miniflux', 'sql'])('%s is valid, and names its schema for editors', async (name) => {
    const host = localHost();
    const spec = await loadVm(name, { host, cwd: await temporaryFolder() });
    expect(spec.name).toBe(name);
    const text = new TextDecoder().decode(await host.read(join(packageRoot(), 'vm', name, 'vm.yaml')));
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../vm.schema.json');
  });

  test('the JSON schema is the one that the loader checks with', async () => {
    await expect(definitionJsonSchema()).toMatchFileSnapshot('../../vm/vm.schema.json');
  });

  test('the reference is made from that schema, and says what each key means', async () => {
    const page = renderReference(definitionSchema());
    await expect(page).toMatchFileSnapshot('../../docs/vm-yaml.md');
    expect(page.split('\n').filter((line) => /\|\s*\|$/.test(line))).toEqual([]);
  });
});

describe('where a definition is found', () => {
  test('by name in the project before what ships, and by path of folder or file', async () => {
    const host = localHost();
    const cwd = await projectWith(DEMO.replace('demo', 'sql'), 'sql');
    for (const given of ['sql', './vm/sql', 'vm/sql/vm.yaml', join(cwd, 'vm/sql')]) {
      expect(await loadVm(given, { host, cwd })).toMatchObject({
        name: 'sql',
        dataMib: 1024,
        directory: join(cwd, 'vm/sql'),
      });
    }
    expect(await definitionNames(cwd)).toEqual(expect.arrayContaining(['miniflux', 'sql']));
  });

  test('a name that is nowhere is answered with the nearest one', async () => {
    const cwd = await temporaryFolder();
    await expect(loadVm('minflux', { host: localHost(), cwd })).rejects.toMatchObject({
      code: 'definition-missing',
      hint: 'Did you mean miniflux?',
    });
  });

  test('the name in the file is the one of the folder', async () => {
    const cwd = await projectWith(DEMO, 'other');
    await expect(loadVm('other', { host: localHost(), cwd })).rejects.toMatchObject({
      code: 'spec-invalid',
      message: expect.stringContaining('vm/other/vm.yaml:1:7: name: expected other, as its folder; found "demo"'),
    });
    expect(await loadVm('vm/other', { host: localHost(), cwd })).toMatchObject({ name: 'demo' });
  });
});

describe('rules that need the host', () => {
  test("the architecture is the host's, unless something says another", async () => {
    const cwd = await projectWith(DEMO);
    expect(await loadVm('demo', { host: hostWith({ machine: 'aarch64' }), cwd })).toMatchObject({ arch: 'arm64' });
    expect(await loadVm('demo', { host: hostWith({ machine: 'x86_64' }), cwd })).toMatchObject({ arch: 'x86_64' });
    expect(await loadVm('demo', { host: hostWith({ machine: 'riscv64' }), cwd, arch: 'arm64' })).toMatchObject({
      arch: 'arm64',
    });
    await expect(loadVm('demo', { host: hostWith({ machine: 'riscv64' }), cwd })).rejects.toMatchObject({
      code: 'arch-unsupported',
    });
  });

  test('an emulated architecture in the file does not ask the host for its own', async () => {
    const cwd = await projectWith(`${DEMO}arch: arm64\n`);
    expect(await loadVm('demo', { host: hostWith({ machine: 'riscv64' }), cwd })).toMatchObject({ arch: 'arm64' });
  });

  test('fragments must be there; a missing one is told beside other problems', async () => {
    const cwd = await projectWith(`${DEMO}cpus: 0\nkernel: { fragments: [here.config, gone.config] }\n`);
    await writeFile(join(cwd, 'vm/demo/here.config'), '');
    const error = await loadVm('demo', { host: localHost(), cwd }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      details: { problems: [{ path: 'cpus' }, { path: 'kernel.fragments[1]', line: 7, column: 36 }] },
    });
  });

  test('a low port of the host is a warning, and none for root', async () => {
    const cwd = await projectWith(DEMO.replace('use: postgres', 'use: postgres\n    host: 443'));
    const said: Progress[] = [];
    const report = (each: Progress): void => void said.push(each);
    await loadVm('demo', { host: hostWith({ isRoot: true }), cwd, report });
    expect(said).toEqual([]);
    await loadVm('demo', { host: hostWith({ isRoot: false }), cwd, report });
    expect(said).toEqual([
      { kind: 'note', text: expect.stringContaining('warning: services: postgres takes port 443') },
    ]);
  });
});
