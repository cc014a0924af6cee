import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { machinePaths } from '../../src/core/paths.ts';
import { applyChanges } from '../../src/host/changes/apply-changes.ts';
import { readJournal } from '../../src/host/changes/change-journal.ts';
import { localHost } from '../../src/host/local/local.ts';
import { clearState, writeState } from '../../src/machine/state/state.ts';
import type { Target } from '../../src/reach/facts.ts';
import { ensureSshKeys } from '../../src/secrets/ssh-keys.ts';
import { EXPOSED_ENTRIES } from '../../src/spec/services/tailscale/tailscale-serve.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';
import { unexpose } from '../../src/verbs/reach/expose.ts';
import { portsToUnserve, unserveNow } from '../../src/verbs/reach/unserve-later.ts';
import type { VerbContext } from '../../src/verbs/step.ts';
import { contextIn } from '../support/context.ts';
import { folderChange } from '../support/hosts/folder-change.ts';
import { ownService, specWith } from '../support/spec.ts';
import { guestServer } from '../support/stand-ins/guest-server.ts';
import { runningStandIn } from '../support/stand-ins/qemu-stand-in.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const target: Target = {
  machine: 'sql',
  name: 'web',
  port: 3000,
  protocol: 'http',
  hostPort: 3000,
  bridgeAddress: undefined,
};
const withNode: VmSpec = { ...specWith('sql', []), services: [ownService({ name: 'tailscale' })] };

/** A machine whose port this host serves: a folder stands for the entry. */
async function exposed(folder: string): Promise<{ context: VerbContext; served: string }> {
  const base = contextIn(folder);
  const facts = async () => ({ machine: 'x86_64', cpus: 1, isRoot: true });
  const context = { ...base, host: { ...base.host, facts } };
  const served = join(folder, 'served');
  await applyChanges([folderChange(served, { id: 'serve:sql:3000' })], context);
  return { context, served };
}

test("off: this host's part is taken back, the guest's is left for the next boot, and both are said", async () => {
  const { context, served } = await exposed(await temporaryFolder());
  expect(await unexpose(withNode, target, context)).toEqual({
    takenBack: [`make ${served}`],
    leftForBoot: ['what sql itself serves of its port 3000'],
  });
  await expect(access(served)).rejects.toThrow();
  expect(await readJournal(context)).toEqual([]);
  expect(await portsToUnserve('sql', context)).toEqual([3000]);
  // Asked again: the same is left, once.
  expect((await unexpose(withNode, target, context)).leftForBoot).toHaveLength(1);
  expect(await portsToUnserve('sql', context)).toEqual([3000]);
});

test('off and without a node: nothing is left', async () => {
  const { context } = await exposed(await temporaryFolder());
  expect(await unexpose(specWith('sql', []), target, context)).toMatchObject({ leftForBoot: [] });
  expect(await portsToUnserve('sql', context)).toEqual([]);
});

test('when the guest answers again, the rest is taken back, and not before', async () => {
  const { context: inner, paths, state } = await runningStandIn('obeys');
  const context = contextIn(dirname(inner.paths.data));
  const keys = await ensureSshKeys(paths.secretsDir, context.host);
  const folder = await temporaryFolder();
  const bin = await temporaryFolder();
  const entries = join(folder, EXPOSED_ENTRIES.replace('/data/', ''));
  await mkdir(dirname(entries), { recursive: true });
  // Exposed, reset by hand, and exposed again by a vmkit that wrote the line once more.
  await writeFile(entries, 'http 80 3000\ntcp 5432 5432\nhttp 80 3000\n');
  const status = {
    TCP: { 80: { HTTP: true } },
    Web: { 'sql:80': { Handlers: { '/': { Proxy: 'http://127.0.0.1:3000' } } } },
  };
  const told = join(folder, 'told');
  const script = `#!/bin/sh\n[ "$2" != status ] || { echo '${JSON.stringify(status)}'; exit; }\n! grep -qxF "$*" ${told} || exit 1\necho "$*" >>${told}\n`;
  await writeFile(join(bin, 'tailscale'), script, { mode: 0o755 });
  const sshPort = await guestServer(keys, folder, bin);
  await clearState(paths, localHost());
  expect((await unexpose(withNode, target, context)).leftForBoot).toHaveLength(1);
  // It runs, and does not answer yet: told, and not forgotten.
  await mkdir(paths.runDir, { recursive: true });
  await writeState(paths, { ...state, sshPort: 1 }, context);
  await unserveNow('sql', context);
  expect(context.progress.at(-1)).toMatchObject({ text: expect.stringContaining('still serves its port 3000') });
  await writeState(paths, { ...state, sshPort }, context);
  await unserveNow('sql', context);
  expect(await readFile(told, 'utf8')).toBe('serve --http=80 off\n');
  expect(await readFile(entries, 'utf8')).toBe('tcp 5432 5432\n');
  expect(await portsToUnserve('sql', context)).toEqual([]);
  await rm(told);
  await unserveNow('sql', context);
  await expect(access(told)).rejects.toThrow();
  expect(machinePaths(context.paths, 'sql').unserveFile).toBe(paths.unserveFile);
});
