import { chmod, chown, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hostPaths, machinePaths } from '../../src/core/paths.ts';
import { undoChanges } from '../../src/host/changes/apply-changes.ts';
import { type JournalEntry, writeJournal } from '../../src/host/changes/change-journal.ts';
import { requireOurs } from '../../src/host/local/ours.ts';
import { withLock } from '../../src/host/with-lock.ts';
import { runningMachine } from '../../src/machine/state/running.ts';
import { findArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const OTHER = 54_321;
const isRoot = process.getuid?.() === 0;
const refusal = (reason: string): object => ({ code: 'not-ours', message: expect.stringContaining(reason) });

describe('which file is believed', () => {
  async function file(): Promise<{ folder: string; path: string }> {
    const folder = join(await temporaryFolder(), 'folder');
    await mkdir(folder, { mode: 0o755 });
    const path = join(folder, 'file');
    await writeFile(path, 'content', { mode: 0o644 });
    return { folder, path };
  }

  test('our own, in folders of ours and of root', async () => {
    const { path, folder } = await file();
    await requireOurs(path);
    await requireOurs(join(folder, 'none'));
    await requireOurs('/etc/passwd');
  });

  test.each([
    ['file', 0o666, 'written by everybody'],
    ['folder', 0o777, 'written by everybody'],
  ] as const)('not one whose %s has the mode %o', async (which, mode, reason) => {
    const { path, folder } = await file();
    await chmod(which === 'file' ? path : folder, mode);
    await expect(requireOurs(path)).rejects.toMatchObject(refusal(reason));
  });

  test('one below a folder where each renames his own only', async () => {
    const { path, folder } = await file();
    await chmod(folder, 0o1777);
    await requireOurs(path);
  });

  test('not one that is not there in a folder where others may make it', async () => {
    const { folder } = await file();
    await chmod(folder, 0o777);
    await expect(requireOurs(join(folder, 'none'))).rejects.toMatchObject(refusal('written by everybody'));
  });

  describe.runIf(isRoot)('with other users', () => {
    test("not another user's file, folder or link", async () => {
      const { path, folder } = await file();
      await chown(path, OTHER, OTHER);
      await expect(requireOurs(path)).rejects.toMatchObject(refusal(`belongs to the user ${OTHER}`));
      await chown(path, 0, 0);
      await chown(folder, OTHER, OTHER);
      await expect(requireOurs(path)).rejects.toMatchObject(refusal(`${folder} belongs to the user ${OTHER}`));
    });

    test('not one that a link of ours leads to, where others may write', async () => {
      const { path, folder } = await file();
      await rename(path, join(folder, 'target'));
      await symlink('../folder/target', path);
      await requireOurs(path);
      await chown(join(folder, 'target'), OTHER, OTHER);
      await expect(requireOurs(path)).rejects.toMatchObject(refusal('target belongs to the user'));
    });

    test('not one of a group with other members; one of our own group', async () => {
      const { path } = await file();
      await chmod(path, 0o664);
      await requireOurs(path);
      await chown(path, 0, OTHER);
      await expect(requireOurs(path)).rejects.toMatchObject(refusal(`written by the group ${OTHER}`));
    });

    test('links that lead to each other end', async () => {
      const { folder } = await file();
      await symlink(join(folder, 'b'), join(folder, 'a'));
      await symlink(join(folder, 'a'), join(folder, 'b'));
      await expect(requireOurs(join(folder, 'a'))).rejects.toMatchObject(refusal('too many symbolic links'));
    });
  });
});

describe.runIf(isRoot)('what another user wrote is not run', () => {
  async function journal(): Promise<{ context: ReturnType<typeof contextIn>; made: string }> {
    const folder = await temporaryFolder();
    const context = contextIn(folder);
    const made = join(folder, 'made');
    const probe = { argv: ['touch', made], needsRoot: true };
    const entry: JournalEntry = {
      id: 'evil',
      title: 'a change',
      state: 'applied',
      apply: [],
      undo: [{ argv: ['touch', made] }],
      isApplied: probe,
      outlivesReboot: true,
      boot: (await context.host.place()).bootId,
    };
    await writeJournal([entry], context);
    return { context, made };
  }

  test('our own journal is', async () => {
    const { context, made } = await journal();
    await undoChanges(context);
    expect(await readFile(made, 'utf8')).toBe('');
  });

  test.each([
    ['a journal of another user', (path: string) => chown(path, OTHER, OTHER)],
    ['a journal in a folder of another user', (path: string) => chown(join(path, '..'), OTHER, OTHER)],
    ['a journal in a state folder of another user', (path: string) => chown(join(path, '../..'), OTHER, OTHER)],
    [
      'a journal that a group may write',
      async (path: string) => {
        await chown(path, 0, OTHER);
        await chmod(path, 0o660);
      },
    ],
    [
      'a link to the journal of another user',
      async (path: string) => {
        await rename(path, `${path}.target`);
        await chown(`${path}.target`, OTHER, OTHER);
        await symlink(`${path}.target`, path);
      },
    ],
  ])('%s', async (_, spoil) => {
    const { context, made } = await journal();
    await spoil(hostPaths(context.paths).journal);
    await expect(undoChanges(context)).rejects.toMatchObject({ code: 'not-ours' });
    await expect(readFile(made)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test("a machine's state: no process is taken for QEMU", async () => {
    const context = contextIn(await temporaryFolder());
    const { stateFile, stateDir } = machinePaths(context.paths, 'sql');
    await mkdir(stateDir, { recursive: true });
    await writeFile(stateFile, '{}');
    await chown(stateFile, OTHER, OTHER);
    await expect(runningMachine('sql', context)).rejects.toMatchObject({ code: 'not-ours' });
  });

  test('an artifact in a cache where others may write', async () => {
    const context = contextIn(await temporaryFolder());
    await mkdir(context.paths.cache);
    await chmod(context.paths.cache, 0o777);
    const artifact = { kind: 'kernel', title: 'kernel', inputs: {}, build: async () => ({}) };
    await expect(findArtifact(artifact, context)).rejects.toMatchObject({ code: 'not-ours' });
  });

  test('a lock that is a link to somewhere else is not written through', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'locks'));
    await writeFile(join(folder, 'victim'), 'precious');
    await symlink(join(folder, 'victim'), join(folder, 'locks/lock'));
    await chmod(join(folder, 'locks'), 0o777);
    const locked = withLock(join(folder, 'locks/lock'), 'test', contextIn(folder), async () => undefined);
    await expect(locked).rejects.toMatchObject({ code: 'not-ours' });
    expect(await readFile(join(folder, 'victim'), 'utf8')).toBe('precious');
  });
});
