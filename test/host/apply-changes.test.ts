import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hostPaths } from '../../src/core/paths.ts';
import { applyChanges, renewChanges, undoChanges } from '../../src/host/changes/apply-changes.ts';
import type { Change } from '../../src/host/changes/change.ts';
import { readJournal } from '../../src/host/changes/change-journal.ts';
import type { Context } from '../../src/host/context.ts';
import { contextIn } from '../support/context.ts';
import { dyingHost } from '../support/hosts/dying-host.ts';
import { folderChange } from '../support/hosts/folder-change.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function world(): Promise<{ root: string; changes: Change[]; context: Context }> {
  const folder = await temporaryFolder();
  const root = join(folder, 'world');
  await mkdir(root);
  const base = contextIn(folder);
  const facts = async () => ({ machine: 'x86_64', cpus: 1, isRoot: true });
  const paths = ['a', 'a/b', 'a/b/c'].map((name) => join(root, name));
  return {
    root,
    changes: paths.map((path) => folderChange(path)),
    context: { ...base, host: { ...base.host, facts } },
  };
}

/** The same host after it was started again. */
function rebootedHost(context: Context, id = 'the next boot'): Context {
  const place: Context['host']['place'] = async () => ({ ...(await context.host.place()), bootId: id });
  return { ...context, host: { ...context.host, place } };
}

describe('changes', () => {
  test('are applied once, and undone newest first', async () => {
    const { root, changes, context } = await world();
    expect(await applyChanges(changes, context)).toHaveLength(3);
    expect(await applyChanges(changes, context)).toEqual([]);
    expect((await undoChanges(context)).map(({ id }) => id)).toEqual(changes.map(({ id }) => id).reverse());
    expect(await readdir(root)).toEqual([]);
    expect(await undoChanges(context)).toEqual([]);
  });

  test('what is renewable is made again where the journal has it otherwise; failing, it stays as it was and is tried again', async () => {
    const { root, changes, context } = await world();
    const [change] = changes;
    if (change === undefined) throw new TypeError('no change');
    await applyChanges([change], context);
    const wish = (script: string): Change => ({
      ...change,
      isRenewable: true,
      apply: [{ argv: ['sh', '-c', script] }],
    });
    const better = `cd ${root} && touch a/better`;
    await expect(applyChanges([wish('exit 1')], context)).rejects.toMatchObject({ code: 'host-change-failed' });
    expect(await readdir(root)).toEqual(['a']);
    expect(await applyChanges([wish(better)], context)).toHaveLength(1);
    expect(await readdir(join(root, 'a'))).toEqual(['better']);
    expect(await applyChanges([wish(better)], context)).toEqual([]);
    // What is not is refused, as ever.
    await expect(applyChanges([{ ...wish('true'), isRenewable: false }], context)).rejects.toMatchObject({
      code: 'host-change-differs',
    });
  });

  test('killed before or after any command or write: teardown, or the next setup, finds its way', async () => {
    for (let at = 0; ; at++) {
      const { root, changes, context } = await world();
      const dying = dyingHost(context.host, at);
      const died = await applyChanges(changes, { ...context, host: dying }).then(
        () => false,
        () => true,
      );
      if (at % 2 === 0) {
        await undoChanges(context);
      } else {
        await applyChanges(changes, context);
        expect(await readdir(root, { recursive: true })).toHaveLength(3);
        await undoChanges({ ...context, host: dyingHost(context.host, at % 9) }).catch(() => undefined);
        await undoChanges(context);
      }
      expect([at, await readdir(root)]).toEqual([at, []]);
      if (!died) return expect(at).toBeGreaterThan(20);
    }
  });

  test('a change that fails is undone, with what this call did before it, and nothing more', async () => {
    const { root, changes, context } = await world();
    await applyChanges(changes.slice(0, 1), context);
    const [, second = folderChange(root)] = changes;
    const bad = folderChange(join(root, 'bad'), {
      apply: [{ argv: ['mkdir', join(root, 'bad')] }, { argv: ['false'] }],
    });
    await expect(applyChanges([second, bad], context)).rejects.toMatchObject({ code: 'host-change-failed' });
    expect(await readdir(root, { recursive: true })).toEqual(['a']);
    expect(await readJournal(context)).toHaveLength(1);
  });

  test('what others made is refused and left alone; a wish that is fulfilled already is not ours to undo', async () => {
    const { root, changes, context } = await world();
    await mkdir(join(root, 'a'));
    await expect(applyChanges(changes, context)).rejects.toMatchObject({ code: 'host-name-taken' });
    expect(await applyChanges([folderChange(join(root, 'a'), { whenFound: 'keep' })], context)).toEqual([]);
    await undoChanges(context);
    expect(await readdir(root)).toEqual(['a']);
  });

  test('the same thing with other settings is refused', async () => {
    const { root, context } = await world();
    await applyChanges([folderChange(join(root, 'a'))], context);
    const other = folderChange(join(root, 'a'), { apply: [{ argv: ['mkdir', '-p', join(root, 'a')] }] });
    await expect(applyChanges([other], context)).rejects.toMatchObject({ code: 'host-change-differs' });
  });

  test('what others removed is applied again, and still undone in the order of the first time', async () => {
    const { root, changes, context } = await world();
    await applyChanges(changes, context);
    await context.host.exec(['rmdir', join(root, 'a/b/c')]);
    expect(await applyChanges(changes, context)).toHaveLength(1);
    await undoChanges(context);
    expect(await readdir(root)).toEqual([]);
  });

  test('a reboot has undone everything but what a firewall keeps in its files', async () => {
    const { root, changes, context } = await world();
    const kept = folderChange(join(root, 'kept'), { outlivesReboot: true });
    await applyChanges([...changes, kept], context);
    const { journal } = hostPaths(context.paths);
    const text = new TextDecoder().decode(await context.host.read(journal));
    await context.host.write(journal, text.replaceAll(/"boot": ".*"/g, '"boot": "another"'));
    expect((await undoChanges(context)).map(({ id }) => id)).toEqual([kept.id]);
  });

  test('a damaged journal is an error, not an empty one', async () => {
    const { context } = await world();
    await context.host.write(hostPaths(context.paths).journal, '{"version":1');
    await expect(undoChanges(context)).rejects.toMatchObject({ code: 'journal-damaged' });
  });

  test.each([
    ['sudo: a password is required', 'sudo-refused'],
    ['Sorry, user me is not allowed to execute', 'sudo-refused'],
  ])('sudo refuses (%s): a clear error, and nothing is changed or recorded', async (said, code) => {
    const { root, changes, context } = await world();
    const exec: Context['host']['exec'] = async (argv, options) =>
      argv[0] === 'sudo' ? { exitCode: 1, stdout: '', stderr: `${said}\n` } : context.host.exec(argv, options);
    const facts = async () => ({ machine: 'x86_64', cpus: 1, isRoot: false });
    const host = { ...context.host, exec, facts };
    await expect(applyChanges(changes, { ...context, host })).rejects.toMatchObject({ code });
    expect(await readdir(root)).toEqual([]);
    expect(await readJournal(context)).toEqual([]);
  });

  test('after a reboot, what was to outlive it and is gone is made again, once; what is there stays', async () => {
    const { root, changes, context } = await world();
    const [lost, there, forgotten] = changes.map((change, at) => ({ ...change, outlivesReboot: at < 2 }));
    if (lost === undefined || there === undefined || forgotten === undefined) throw new TypeError('Three changes.');
    await applyChanges([lost, there, forgotten], context);
    const rebooted = rebootedHost(context);
    expect(await renewChanges(rebooted)).toEqual([]);
    await rm(root, { recursive: true });
    await mkdir(root);
    const again = rebootedHost(context, 'another boot');
    expect((await renewChanges(again)).map(({ id }) => id)).toEqual([lost.id, there.id]);
    expect(await readdir(join(root, 'a'))).toEqual(['b']);
    expect(await renewChanges(again)).toEqual([]);
    expect((await undoChanges(again)).map(({ id }) => id)).toEqual([there.id, lost.id]);
  });
});
