import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machineNames } from '../../../src/machine/state/machines.ts';
import { contextIn } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('machines are folders with the name of one', async () => {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const machines = join(context.paths.data, 'machines');
  for (const name of ['sql', 'Old', '.trash', 'web.bak', 'elsewhere'])
    await mkdir(join(machines, name), { recursive: true });
  await writeFile(join(machines, 'notes'), '');
  await symlink(join(machines, 'elsewhere'), join(machines, 'moved'));
  await mkdir(join(context.paths.state, 'machines', 'forge'), { recursive: true });
  expect(await machineNames(context)).toEqual(['elsewhere', 'forge', 'moved', 'sql']);
});
