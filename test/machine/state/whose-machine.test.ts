import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machinePaths } from '../../../src/core/paths.ts';
import { newIdentity, readIdentity, writeIdentity } from '../../../src/machine/disks/identity.ts';
import { rememberDefinition, requireOwnMachine } from '../../../src/verbs/boot/whose-machine.ts';
import { contextIn } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function clones() {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const paths = machinePaths(context.paths, 'sql');
  const [a, b] = [join(folder, 'a', 'vm', 'sql'), join(folder, 'b', 'vm', 'sql')];
  for (const clone of [a, b]) {
    await mkdir(clone, { recursive: true });
    await writeFile(join(clone, 'vm.yaml'), 'name: sql\n');
  }
  await writeIdentity(paths.identityFile, newIdentity(), context.host);
  const boot = async (directory: string, isAdopted = false): Promise<string | undefined> => {
    await requireOwnMachine({ name: 'sql', directory }, paths, isAdopted, context);
    await rememberDefinition({ name: 'sql', directory, services: [] }, paths, context);
    return (await readIdentity(paths.identityFile, context.host))?.definition;
  };
  return { folder, context, a, b, boot };
}

test('a second clone does not get the machine of the first, unless it is told to', async () => {
  const { a, b, boot } = await clones();
  expect(await boot(a)).toBe(a);
  expect(await boot(a)).toBe(a);
  await expect(boot(b)).rejects.toMatchObject({
    code: 'machine-of-other-definition',
    hint: expect.stringContaining(`vmkit boot ${a}`),
  });
  expect(await boot(b, true)).toBe(b);
  await expect(boot(a)).rejects.toMatchObject({ code: 'machine-of-other-definition' });
});

test('a clone that was moved keeps its machine, and that is told', async () => {
  const { folder, context, a, boot } = await clones();
  await boot(a);
  await rename(join(folder, 'a'), join(folder, 'moved'));
  const moved = join(folder, 'moved', 'vm', 'sql');
  expect(await boot(moved)).toBe(moved);
  expect(context.progress).toContainEqual({ kind: 'note', text: expect.stringContaining(`in ${a} until now`) });
});

test('a link to the definition is the definition', async () => {
  const { folder, a, boot } = await clones();
  await boot(a);
  await symlink(join(folder, 'a'), join(folder, 'link'));
  expect(await boot(join(folder, 'link', 'vm', 'sql'))).toBe(join(folder, 'link', 'vm', 'sql'));
});
