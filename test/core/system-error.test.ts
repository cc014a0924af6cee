import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { explainSystemError } from '../../src/core/errors/system-error.ts';
import { allStatuses } from '../../src/machine/follow/status.ts';
import { runningMachines } from '../../src/machine/state/machines.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('an error of the system is a named one, with its path; a bug stays a bug', async () => {
  const folder = await temporaryFolder();
  const explain = (path: string): Promise<unknown> => readFile(path).then(String, explainSystemError);
  await symlink(join(folder, 'loop'), join(folder, 'loop'));
  for (const [name, code] of [
    ['none', 'file-missing'],
    ['loop', 'file-missing'],
    ['x'.repeat(300), 'path-too-long'],
  ] as const) {
    const error = await explain(join(folder, name));
    expect(error).toMatchObject({ code, exitCode: 3, message: expect.stringContaining(join(folder, name)) });
  }
  const folderRead = Object.assign(new Error('x'), { code: 'EISDIR', syscall: 'read' });
  expect(explainSystemError(folderRead)).toMatchObject({ code: 'not-a-file' });
  const full = Object.assign(new Error('x'), { code: 'ENOSPC', syscall: 'write' });
  expect(explainSystemError(full)).toMatchObject({ code: 'disk-full' });
  const rare = Object.assign(new Error('x'), { code: 'EIO', syscall: 'read', path: '/x' });
  expect(explainSystemError(rare)).toMatchObject({ code: 'file-failed' });
  const atOffset = Object.assign(new Error('x'), { code: 'EIO', syscall: 'read' });
  expect(explainSystemError(atOffset)).toMatchObject({ code: 'file-failed' });
  const bug = new TypeError('x is not a function');
  expect(explainSystemError(bug)).toBe(bug);
});

test("one machine's broken files are its own trouble: the others are listed", async () => {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const machines = join(context.paths.data, 'machines');
  await mkdir(join(machines, 'good'), { recursive: true });
  await mkdir(join(machines, 'bad'), { recursive: true });
  // Anybody could have written it, as one that belongs to another user.
  await writeFile(join(machines, 'bad', 'power.lock'), '{}');
  await chmod(join(machines, 'bad', 'power.lock'), 0o666);
  const [bad, good] = await allStatuses(context);
  expect(bad).toMatchObject({ name: 'bad', condition: 'unknown', trouble: expect.stringContaining('power.lock') });
  expect(good).toMatchObject({ name: 'good', condition: 'off', trouble: undefined });
  expect(await runningMachines(context)).toEqual([]);
  expect(context.progress).toContainEqual({ kind: 'note', text: expect.stringContaining('Whether bad runs') });
});
