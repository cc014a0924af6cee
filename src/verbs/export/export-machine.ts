import { randomUUID } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { type EngineName, exportTo } from '../../export/engines.ts';
import { EXPORTED_FILES, type Exported, type ExportedMachine } from '../../export/machine.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { deadlinesOf } from '../../init/supervise.ts';
import { createDataDisk, readDataDisk } from '../../machine/disks/ext4-disk.ts';
import { describeMachine } from '../../machine/plan.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { packSecrets } from '../boot/boot-flow.ts';
import { takeGivenSecrets } from '../boot/given-secrets.ts';
import { requireOwnMachine } from '../boot/whose-machine.ts';
import { type Assembled, assemble } from '../build/assemble.ts';
import { runStep, type VerbContext } from '../step.ts';

export interface ExportResult {
  /** Absolute. */
  readonly folder: string;
  /** Below the folder: the engine's own, and those of the machine. */
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

/**
 * A machine as files of another engine, in a folder of this computer that is its owner's alone. What is built is built; the data disk is made where the folder has
 * none, and kept where it has one. The secrets are those of the machine that vmkit boots. Throws `export-cannot`, and what a build throws.
 */
export async function exportMachine(
  spec: VmSpec,
  to: EngineName,
  output: string,
  chosen: ChosenComponents,
  context: VerbContext,
): Promise<ExportResult> {
  const folder = resolve(output);
  requirePlainPath(folder);
  const { host } = context;
  const paths = machinePaths(context.paths, spec.name);
  return withMachine(spec.name, `vmkit export ${spec.name}`, context, async () => {
    await requireOwnMachine(spec, paths, false, context);
    const dataDisk = join(folder, EXPORTED_FILES['vmkit-data']);
    const found = await readDataDisk(dataDisk, context);
    const dataUuid = found?.uuid ?? randomUUID();
    const describe = (assembled: Pick<Assembled, 'files' | 'kernel'>): Exported =>
      exportTo(to, describeExport(spec, assembled, folder, dataUuid));
    const assembled = await assemble(spec, chosen, context);
    const exported = describe(assembled);
    await takeGivenSecrets(spec, paths, found === undefined, context);
    const { secrets } = await packSecrets(spec, context);
    await host.makeFolder(folder, 0o700);
    const sources = filesOf(assembled);
    await runStep(
      {
        title: `${spec.name} for ${to}`,
        run: async (inner) => {
          for (const [name, from] of sources) {
            inner.report({ kind: 'phase', text: `copies ${name}` });
            await host.push(from, join(folder, name), { signal: inner.signal });
          }
          if (found === undefined) await createDataDisk(dataDisk, spec.dataMib, dataUuid, inner);
          await host.write(join(folder, EXPORTED_FILES['vmkit-secrets']), secrets, 0o600);
          for (const { path, content, mode } of exported.files) await host.write(join(folder, path), content, mode);
        },
      },
      context,
    );
    const disks = [EXPORTED_FILES['vmkit-data'], EXPORTED_FILES['vmkit-secrets']];
    const files = [...exported.files.map(({ path }) => path), ...sources.map(([name]) => name), ...disks];
    return { folder, files, notes: exported.notes };
  });
}

/** Scripts, units and option lists of several programs name it. */
function requirePlainPath(folder: string): void {
  if (/^[A-Za-z0-9_./+@-]+$/.test(folder)) return;
  throw new VmkitError(
    'usage',
    'bad-usage',
    `The folder ${folder} has a character that not every engine's files can hold.`,
    {
      hint: 'Take letters, digits and _ . + @ - only.',
    },
  );
}

function describeExport(
  spec: VmSpec,
  { files, kernel }: Pick<Assembled, 'files' | 'kernel'>,
  folder: string,
  dataUuid: string,
): ExportedMachine {
  return {
    ...describeMachine(spec, { hasModules: files.modules !== undefined }),
    folder,
    kernelText: kernel,
    isElf: basename(files.kernel) === 'vmlinux',
    dataUuid,
    dataMib: spec.dataMib,
    // Deadlines count from the supervisor's start.
    readyWithinS: Math.max(...deadlinesOf(spec.services).values()) + 60,
  };
}

function filesOf({ files }: Assembled): readonly (readonly [name: string, from: string])[] {
  const { kernel, initramfs, root, components, modules } = files;
  return [
    [EXPORTED_FILES.kernel, kernel],
    [EXPORTED_FILES.initramfs, initramfs],
    [EXPORTED_FILES['vmkit-root'], root],
    ...(components === undefined ? [] : [[EXPORTED_FILES['vmkit-components'], components] as const]),
    ...(modules === undefined ? [] : [[EXPORTED_FILES['vmkit-modules'], modules] as const]),
  ];
}
