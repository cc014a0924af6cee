import { dirname, join, relative } from 'node:path';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { VerbContext } from './step.ts';

/** Copies vm.yaml, and the fragments beside it that it names, from this computer into a folder of the machine's host. */
export async function keepDefinition(
  spec: Pick<VmSpec, 'directory' | 'kernel'>,
  folder: string,
  { host, builder }: VerbContext,
): Promise<void> {
  const fragments = spec.kernel.kind === 'vmkit' ? spec.kernel.fragments : [];
  for (const file of [join(spec.directory, 'vm.yaml'), ...fragments]) {
    const name = relative(spec.directory, file);
    const bytes = name.startsWith('..') ? undefined : await builder.host.read(file);
    if (bytes === undefined) continue;
    await host.makeFolder(dirname(join(folder, name)), 0o700);
    await host.write(join(folder, name), bytes, 0o600);
  }
}

/** The context in which a kept definition is read: it is on the machine's host. */
export function readingThere<C extends Pick<VerbContext, 'host' | 'paths'>>(
  context: C,
): C & Pick<VerbContext, 'builder'> {
  return { ...context, builder: { host: context.host, paths: context.paths } };
}
