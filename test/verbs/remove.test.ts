import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { machinePaths, networkPaths } from '../../src/core/paths.ts';
import { applyChanges } from '../../src/host/changes/apply-changes.ts';
import { readJournal } from '../../src/host/changes/change-journal.ts';
import { changesForMachine, changesOfTap } from '../../src/host/network/tap-changes.ts';
import { machineParts } from '../../src/verbs/machine-parts.ts';
import { unserveLater } from '../../src/verbs/reach/unserve-later.ts';
import { removeMachine } from '../../src/verbs/remove.ts';
import type { VerbContext } from '../../src/verbs/step.ts';
import { contextIn } from '../support/context.ts';
import { folderChange } from '../support/hosts/folder-change.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const agreed = async (): Promise<void> => undefined;

/** Two machines, each exposed in every way, with what both stand on; folders stand for all of it. */
async function world(): Promise<{ context: VerbContext; folder: string }> {
  const folder = await temporaryFolder();
  const base = contextIn(folder);
  const facts = async () => ({ machine: 'x86_64', cpus: 1, isRoot: true });
  const context = { ...base, host: { ...base.host, facts } };
  const ids = [
    'link:vmkit0',
    'tailnet-forwarding:tailscale0',
    ...['a', 'a-b'].flatMap((name) => [
      `link:${name}`,
      `nft:${name}`,
      `port:${name}`,
      `serve:${name}:80`,
      `serve:${name}:5432`,
      `route:${name}`,
      `routed:${name}`,
      `nft:vmkit_${name}_wireguard`,
    ]),
  ];
  await applyChanges(
    ids.map((id, at) => folderChange(join(folder, `change-${at}`), { id })),
    context,
  );
  for (const name of ['a', 'a-b']) {
    const { dataDisk, dataDir, stateDir } = machinePaths(context.paths, name);
    for (const each of [dataDir, stateDir]) await mkdir(each, { recursive: true });
    await writeFile(dataDisk, '');
    await writeFile(join(stateDir, 'console.log'), '');
    const { membersDir } = networkPaths(context.paths, '10.1.2.0');
    await mkdir(membersDir, { recursive: true });
    await writeFile(join(membersDir, `${name}.json`), '{}');
  }
  return { context, folder };
}

const idsLeft = async (context: VerbContext): Promise<string[]> => (await readJournal(context)).map(({ id }) => id);

test('what belongs to a machine is all of it, and nothing of one with a similar name', async () => {
  const { context } = await world();
  await unserveLater('a', 3000, context);
  const parts = await machineParts('a', context);
  const paths = machinePaths(context.paths, 'a');
  expect(parts).toMatchObject({
    name: 'a',
    folders: [paths.dataDir, paths.stateDir],
    networks: ['10.1.2.0'],
    portsToUnserve: [3000],
  });
  expect(parts.changes.map(({ id }) => id)).toEqual([
    'link:a',
    'nft:a',
    'port:a',
    'serve:a:80',
    'serve:a:5432',
    'route:a',
    'routed:a',
    'nft:vmkit_a_wireguard',
  ]);
});

test('a machine goes with all that was done for it; what others stand on goes with the last of them', async () => {
  const { context } = await world();
  expect((await removeMachine('a', agreed, context)).undone).toHaveLength(8);
  expect(await machineParts('a', context)).toMatchObject({ folders: [], changes: [], networks: [] });
  const others = await machineParts('a-b', context);
  expect(others).toMatchObject({ networks: ['10.1.2.0'], folders: [expect.any(String), expect.any(String)] });
  expect(await idsLeft(context)).toEqual([
    'link:vmkit0',
    'tailnet-forwarding:tailscale0',
    ...others.changes.map(({ id }) => id),
  ]);
  await removeMachine('a-b', agreed, context);
  expect(await idsLeft(context)).toEqual(['link:vmkit0']);
});

test('where something cannot be undone, nothing is deleted, and the error says so', async () => {
  const { context, folder } = await world();
  const broken = folderChange(join(folder, 'broken'), { id: 'serve:a:9', undo: [{ argv: ['false'] }] });
  await applyChanges([broken], context);
  await expect(removeMachine('a', agreed, context)).rejects.toMatchObject({
    code: 'host-change-failed',
    message: expect.stringContaining('a was not deleted'),
  });
  await access(machinePaths(context.paths, 'a').dataDisk);
  expect(await machineParts('a', context)).toMatchObject({ networks: ['10.1.2.0'], folders: { length: 2 } });
});

test('who does not agree keeps all of it', async () => {
  const { context } = await world();
  const before = await idsLeft(context);
  const refuse = async (): Promise<void> => {
    throw new Error('no');
  };
  await expect(removeMachine('a', refuse, context)).rejects.toThrow('no');
  expect(await idsLeft(context)).toEqual(before);
  await access(dirname(machinePaths(context.paths, 'a').dataDisk));
});

test('the rules of two machines are not those of one whose name is both of theirs', () => {
  const ids = ['link:a', 'port:a', 'link:b', 'port:b', 'nft:a-b', 'link:vmkit0'];
  expect(changesOfTap('a-b', ids)).toEqual([]);
  expect(changesOfTap('a', ids)).toEqual(['link:a', 'port:a', 'nft:a-b']);
  expect(changesOfTap('b', ids)).toEqual(['link:b', 'port:b', 'nft:a-b']);
});

test('what a machine stands on is its own and what is for all, not what is for others or leads in', () => {
  const shared = ['link:vmkit0', 'nft:vmkit_vmkit', 'forwarding:eth0', 'ufw:vmkit0'];
  const ids = [
    ...shared,
    'link:a',
    'port:a',
    'link:b',
    'port:b',
    'nft:b',
    'nft:a-b',
    'route:a',
    'mode:/dev/net/tun',
    'nft:vmkit_a_wireguard',
  ];
  expect(changesForMachine('a', ids)).toEqual([...shared, 'link:a', 'port:a', 'nft:a-b']);
  expect(changesForMachine('c', ids)).toEqual([]);
});
