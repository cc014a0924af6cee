import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { ensureDataDisk } from '../../src/machine/disks/data-disk.ts';
import { readIdentity, writeIdentity } from '../../src/machine/disks/identity.ts';
import { renameMachine } from '../../src/verbs/move/rename.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

afterEach(() => vi.restoreAllMocks());

const yaml = (name: string, rest = ''): string => `# mine
name: ${name}
memory: 256MiB
data: 64MiB
${rest}services:
  - { name: web, run: exec sleep 1d, ready: { check: "true" } }
`;

async function machine() {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const paths = machinePaths(context.paths, 'old');
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  const definition = join(folder, 'vm', 'old');
  mkdirSync(definition, { recursive: true });
  writeFileSync(join(definition, 'vm.yaml'), yaml('old'));
  await ensureDataDisk({ name: 'old', dataMib: 64 }, paths, context);
  const identity = await readIdentity(paths.identityFile, context.host);
  if (identity === undefined) throw new Error('no identity');
  await writeIdentity(paths.identityFile, { ...identity, definition }, context.host);
  return { context, folder, paths, identity, next: machinePaths(context.paths, 'new') };
}

test('a machine has its new name with its disk, its identity and its definition', async () => {
  const { context, folder, paths, identity, next } = await machine();
  mkdirSync(join(folder, 'vm', 'other'));
  const other = join(folder, 'vm', 'other', 'vm.yaml');
  writeFileSync(other, yaml('other', 'needs: [old]\nnetwork: { kind: private, address: 192.168.100.3 }\n'));
  const definition = join(folder, 'vm', 'new');
  expect(await renameMachine('old', 'new', context)).toEqual({
    from: 'old',
    name: 'new',
    definition,
    namedBy: [other],
  });
  expect(existsSync(paths.dataDir)).toBe(false);
  expect(existsSync(next.dataDisk)).toBe(true);
  expect(await readIdentity(next.identityFile, context.host)).toMatchObject({
    machineId: identity.machineId,
    definition,
  });
  expect(readFileSync(join(definition, 'vm.yaml'), 'utf8')).toBe(yaml('new'));
  expect(existsSync(join(folder, 'vm', 'old'))).toBe(false);
});

test('cut off after the definition, the same command goes on', async () => {
  const { context, folder, next } = await machine();
  const cut = { ...context, host: { ...context.host, exec: vi.fn(context.host.exec) } };
  for (const after of [1, 2]) {
    // Each mv is a place to be cut off.
    let left = after;
    cut.host.exec.mockImplementation(async (argv, options) => {
      if (argv[0] === 'mv' && --left === 0) throw new Error('killed');
      return context.host.exec(argv, options);
    });
    const builder = { host: cut.host, paths: cut.paths };
    await expect(renameMachine('old', 'new', { ...cut, builder })).rejects.toThrow('killed');
    expect(existsSync(next.dataDir)).toBe(false);
  }
  await renameMachine('old', 'new', context);
  expect(existsSync(next.dataDisk)).toBe(true);
  expect(readFileSync(join(folder, 'vm', 'new', 'vm.yaml'), 'utf8')).toBe(yaml('new'));
});

test('a name that is taken is refused, and nothing is changed', async () => {
  const { context, folder, paths, next } = await machine();
  mkdirSync(next.dataDir, { recursive: true });
  await expect(renameMachine('old', 'new', context)).rejects.toMatchObject({ code: 'rename-refused' });
  mkdirSync(join(folder, 'vm', 'third'));
  writeFileSync(join(folder, 'vm', 'third', 'vm.yaml'), yaml('third'));
  await expect(renameMachine('old', 'third', context)).rejects.toMatchObject({ code: 'rename-refused' });
  expect(existsSync(paths.dataDisk)).toBe(true);
  expect(readFileSync(join(folder, 'vm', 'old', 'vm.yaml'), 'utf8')).toBe(yaml('old'));
});
