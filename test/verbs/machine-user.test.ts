import { mkdir, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import type { Context } from '../../src/host/context.ts';
import { readIdentity } from '../../src/machine/disks/identity.ts';
import { withMachine } from '../../src/machine/state/machine-lock.ts';
import { USUAL_VMM } from '../../src/machine/vmm/drivers.ts';
import { ensureMachineUser, plannedUser } from '../../src/verbs/boot/machine-user.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A host where root, or somebody else, asks, and that has these users. */
async function hostWith(known: readonly number[], isRoot = true): Promise<Context> {
  const context = contextIn(await temporaryFolder());
  return {
    ...context,
    host: {
      ...context.host,
      facts: async () => ({ machine: 'x86_64', cpus: 1, isRoot }),
      exec: async (argv, options) =>
        argv[0] === 'getent'
          ? { exitCode: known.includes(Number(argv[2])) ? 0 : 2, stdout: '', stderr: '' }
          : context.host.exec(argv, options),
    },
  };
}

const ensure = (name: string, context: Context): Promise<number | undefined> =>
  withMachine(name, 'a test', context, (machine) => ensureMachineUser(machine, USUAL_VMM, context));

test('each machine has a user of its own, kept in its identity', async () => {
  const context = await hostWith([]);
  const names = Array.from({ length: 40 }, (_, at) => `vm${at}`);
  const users: (number | undefined)[] = [];
  for (const name of names) users.push(await ensure(name, context));
  expect(new Set(users).size).toBe(names.length);
  for (const uid of users) expect(uid).toSatisfy((value: number) => value >= 60_706 && value <= 61_183);
  expect(await ensure('vm7', context)).toBe(users[7]);
  expect((await readIdentity(machinePaths(context.paths, 'vm7').identityFile, context.host))?.uid).toBe(users[7]);
});

test('a number that somebody of this host has is not taken, and is changed where it was', async () => {
  const free = await hostWith([]);
  const first = await ensure('sql', free);
  const taken = { ...free, host: (await hostWith([first ?? 0])).host };
  expect(await plannedUser('sql', USUAL_VMM, taken)).not.toBe(first);
  const other = await ensure('sql', taken);
  expect(other).not.toBe(first);
  expect((await readIdentity(machinePaths(free.paths, 'sql').identityFile, free.host))?.uid).toBe(other);
});

test('who is not root starts QEMU as himself', async () => {
  expect(await ensure('sql', await hostWith([], false))).toBeUndefined();
});

test('a data disk without an identity gets none', async () => {
  const context = await hostWith([]);
  const { dataDir, dataDisk } = machinePaths(context.paths, 'sql');
  await mkdir(dataDir, { recursive: true });
  await writeFile(dataDisk, '');
  await expect(ensure('sql', context)).rejects.toMatchObject({ code: 'identity-damaged' });
});
