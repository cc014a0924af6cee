import { join } from 'node:path';
import { BACKUP_FILES, type Manifest } from '../../backup/manifest.ts';
import { readManifest } from '../../backup/repository.ts';
import { machinePaths } from '../../core/paths.ts';
import { readIdentity, writeIdentity } from '../../machine/disks/identity.ts';
import { decide } from '../../machine/state/leftovers.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { requireOff } from '../../machine/state/running.ts';
import { forgetTrial } from '../boot/last-good/record.ts';
import { runStep, type VerbContext } from '../step.ts';
import { chooseBackup } from './choose.ts';
import { backupTarget, openPlace, rememberTarget } from './place.ts';
import { placeDefinition } from './place-definition.ts';
import { unpackBackup } from './unpack.ts';

export interface Restoring {
  readonly manifest: Manifest;
  /** What is of that name on this host now. */
  readonly there: 'nothing' | 'the same machine' | 'another machine';
}

export interface RestoredMachine {
  readonly name: string;
  readonly id: string;
  readonly takenAt: string;
  /** What is to be booted: a name, or the folder of the definition. */
  readonly boot: string;
}

/**
 * Makes a machine what it was when a backup was taken, on this host or another one. `consent` throws to refuse: the machine must never run twice. Whatever
 * ends it, the machine is what it was, or wholly the restored one.
 */
export async function restoreMachine(
  name: string,
  { id, from }: { readonly id?: string | undefined; readonly from?: string | undefined },
  consent: (restoring: Restoring) => Promise<void>,
  context: VerbContext,
): Promise<RestoredMachine> {
  const paths = machinePaths(context.paths, name);
  const target = await backupTarget(from, paths, context);
  const repository = await openPlace(target, false, context);
  const chosen = await chooseBackup(name, id, repository, context);
  const manifest = await readManifest(repository, chosen.id, context);
  return withMachine(name, `vmkit restore ${name}`, context, async (machine) => {
    await requireOff(machine, context);
    const former = await readIdentity(paths.identityFile, context.host).catch(() => undefined);
    const isSame = former?.machineId === manifest.machineId;
    const there = former === undefined ? 'nothing' : isSame ? 'the same machine' : 'another machine';
    await consent({ manifest, there });
    const { identity } = await runStep(
      {
        title: `${name} from ${repository.shown}`,
        run: (inner) => unpackBackup(repository, chosen.id, paths.incomingDir, inner),
      },
      context,
    );
    if (isSame) {
      const own = { definition: former.definition, uid: former.uid };
      await writeIdentity(join(paths.incomingDir, BACKUP_FILES.identity), { ...identity, ...own }, context.host);
    }
    const boot = await placeDefinition(name, join(paths.incomingDir, BACKUP_FILES.definition), context);
    await forgetTrial(paths, context);
    await decide(paths, context.host);
    await rememberTarget(target, paths, context);
    return { name, id: chosen.id, takenAt: manifest.takenAt, boot };
  });
}
