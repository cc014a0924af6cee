import { join } from 'node:path';
import { BACKUP_FILES } from '../../backup/manifest.ts';
import type { Repository } from '../../backup/repository.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { chooseComponents } from '../../image/components/component-choice.ts';
import { withGuest } from '../../machine/guest.ts';
import { decide } from '../../machine/state/leftovers.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { loadVm } from '../../spec/read/load.ts';
import type { Service } from '../../spec/service.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { readingThere } from '../definition-files.ts';
import { runStep, type VerbContext } from '../step.ts';
import { cutOff, whileApart, withFoldersApart } from './apart.ts';
import { type Counts, countsOf, differences } from './counts.ts';
import { unpackBackup } from './unpack.ts';

/** A backup that was just made, what was counted meanwhile, and the components to boot it with (NAME=PATH). */
interface SavedToCheck {
  readonly id: string;
  readonly counted: readonly Counts[];
  readonly components: readonly string[];
}

export interface Checked {
  readonly services: readonly string[];
  /** How many numbers were compared. */
  readonly counts: number;
  /** Services whose data was looked through. */
  readonly verified: readonly string[];
}

const VERIFIED_WITHIN_MS = 6 * 3_600_000;

/**
 * Proves a backup: boots it as a machine of its own, with folders of its own and without a network, until its services are ready. Then what its services count is
 * compared, and what they keep is looked through. Nothing of it is left. Throws `backup-check-failed`, `backup-needs-others`.
 */
export async function checkBackup(
  name: string,
  { id, counted, components }: SavedToCheck,
  repository: Repository,
  context: VerbContext,
): Promise<Checked> {
  try {
    return await withFoldersApart(name, context, async (apart) => {
      const paths = machinePaths(apart.paths, name);
      await withMachine(name, `vmkit backup ${name} --check`, apart, async () => {
        await runStep(
          { title: `backup ${id} restored`, run: (inner) => unpackBackup(repository, id, paths.incomingDir, inner) },
          apart,
        );
        await decideWithDefinition(name, apart);
      });
      const spec = cutOff(await loadVm(join(paths.dataDir, BACKUP_FILES.definition), readingThere(apart)));
      const chosen = chooseComponents(components, process.env, spec, process.cwd());
      return await whileApart(spec, `boot the backup of ${name}`, apart, () => compare(spec, counted, apart), chosen);
    });
  } catch (error) {
    if (!(error instanceof VmkitError) || ['interrupted', 'backup-needs-others'].includes(error.code)) throw error;
    throw new VmkitError(
      'boot',
      'backup-check-failed',
      `The backup ${id} was saved, and does not pass its check. ${error.message}`,
      {
        // What keeps a check from its boot, such as a component that is not to be had, says nothing of the backup: its own hint leads on.
        hint:
          (error.kind === 'boot' ? undefined : error.hint) ??
          'Earlier backups are as they were. Take another one; is the machine itself well? vmkit status says so.',
        cause: error,
      },
    );
  }
}

/** The definition is no part of a machine's folder: it is moved out of the way of what is put in place. */
async function decideWithDefinition(name: string, { host, paths }: VerbContext): Promise<void> {
  const own = machinePaths(paths, name);
  const from = join(own.incomingDir, BACKUP_FILES.definition);
  const { exitCode } = await host.exec(['mv', from, join(own.dataDir, BACKUP_FILES.definition)], { withinMs: 30_000 });
  if (exitCode !== 0)
    throw new VmkitError('host', 'backup-damaged', `The backup of ${name} holds no definition to boot.`);
  await decide(own, host);
}

async function compare({ name, services }: VmSpec, counted: readonly Counts[], context: VerbContext): Promise<Checked> {
  const verified: string[] = [];
  const [copy = new Map<string, number>()] = await countsOf(name, services, context);
  const wrong = differences(counted, copy);
  if (wrong.length > 0) throw new VmkitError('boot', 'backup-check-failed', wrong.join('\n'));
  for (const service of services) if (await verify(name, service, context)) verified.push(service.name);
  return { services: services.map((service) => service.name), counts: copy.size, verified };
}

async function verify(name: string, { name: service, backup }: Service, context: VerbContext): Promise<boolean> {
  const script = backup?.verify;
  if (script === undefined) return false;
  await withGuest(
    name,
    context,
    async (guest) => {
      const { exitCode, stdout, stderr } = await guest.exec(['sh', '-euc', script], {
        withinMs: VERIFIED_WITHIN_MS,
        signal: context.signal,
      });
      if (exitCode === 0) return;
      const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-8).join('\n');
      throw new VmkitError('boot', 'backup-check-failed', `${service} in the copy is not whole: ${said}`);
    },
    60_000,
  );
  return true;
}
