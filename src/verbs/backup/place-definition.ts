import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Host } from '../../host/host.ts';
import { loadVm } from '../../spec/read/load.ts';
import type { VerbContext } from '../step.ts';

/**
 * Puts a backup's definition into vm/NAME below the current folder where no definition of that name is found. One that is there stays: where it differs, that is
 * told, and the backup's is put beside it as vm.yaml.restored. Returns what `boot` is given.
 */
export async function placeDefinition(name: string, from: string, context: VerbContext): Promise<string> {
  const text = await context.host.read(join(from, 'vm.yaml'));
  if (text === undefined) {
    context.report({ kind: 'note', text: `The backup holds no definition of ${name}: write vm/${name}/vm.yaml.` });
    return name;
  }
  const { host } = context.builder;
  const own = join(process.cwd(), 'vm', name);
  const there = await currentText(name, context);
  if (there === undefined) await copyFolder(from, own, context.host, host);
  else if (!Buffer.from(there).equals(Buffer.from(text))) {
    const file = join(own, 'vm.yaml.restored');
    await host.write(file, text, 0o600);
    context.report({
      kind: 'note',
      text: `The definition of ${name} is another one now; that of the backup is ${file}`,
    });
  }
  return name;
}

/** The text of the definition that is found by the name; undefined where there is none. */
async function currentText(name: string, context: VerbContext): Promise<Uint8Array | undefined> {
  try {
    const { directory } = await loadVm(name, { ...context, report: () => undefined });
    return await context.builder.host.read(join(directory, 'vm.yaml'));
  } catch (error) {
    if (error instanceof VmkitError && error.code === 'definition-missing') return undefined;
    throw error;
  }
}

/** Few small files: vm.yaml and fragments. */
async function copyFolder(from: string, to: string, fromHost: Host, toHost: Host): Promise<void> {
  for (const name of (await fromHost.list(from)) ?? []) {
    const path = join(from, name);
    if ((await fromHost.stat(path))?.kind === 'folder') await copyFolder(path, join(to, name), fromHost, toHost);
    else await toHost.write(join(to, name), (await fromHost.read(path)) ?? '');
  }
}
