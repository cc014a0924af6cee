import { join } from 'node:path';
import { BACKUP_FILES } from '../../backup/manifest.ts';
import type { Repository } from '../../backup/repository.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { chooseComponents } from '../../image/components/component-choice.ts';
import { vmmChooser } from '../../machine/choose-vmm.ts';
import { withGuest } from '../../machine/guest.ts';
import { decide } from '../../machine/state/leftovers.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { loadVm } from '../../spec/read/load.ts';
import type { Service } from '../../spec/service.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { prepareBoot } from '../boot/boot-flow.ts';
import { readingThere } from '../definition-files.ts';
import { runStep, type VerbContext } from '../step.ts';
import { stopMachines } from '../stop.ts';
import { type Counts, countsOf, differences } from './counts.ts';
import { unpackBackup } from './unpack.ts';

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
  id: string,
  counted: readonly Counts[],
  repository: Repository,
  context: VerbContext,
): Promise<Checked> {
  const away = await folderOfOwn(name, context);
  try {
    const paths = machinePaths(away.paths, name);
    await withMachine(name, `vmkit backup ${name} --check`, away, async () => {
      await runStep(
        { title: `backup ${id} restored`, run: (inner) => unpackBackup(repository, id, paths.incomingDir, inner) },
        away,
      );
      await decideWithDefinition(name, away);
    });
    const spec = cutOff(await loadVm(join(paths.dataDir, BACKUP_FILES.definition), readingThere(away)));
    return await bootAndCompare(spec, counted, away);
  } catch (error) {
    if (!(error instanceof VmkitError) || ['interrupted', 'backup-needs-others'].includes(error.code)) throw error;
    throw new VmkitError(
      'boot',
      'backup-check-failed',
      `The backup ${id} was saved, and does not pass its check. ${error.message}`,
      {
        hint: 'Earlier backups are as they were. Take another one; is the machine itself well? vmkit status says so.',
        cause: error,
      },
    );
  } finally {
    await context.host.remove(away.paths.state);
    await context.host.remove(away.paths.data);
  }
}

/** Data beside the machine's, where there is room for it; state in a short path, since the names of sockets are. */
async function folderOfOwn(name: string, context: VerbContext): Promise<VerbContext> {
  const { exitCode, stdout, stderr } = await context.host.exec(['mktemp', '-d', '-t', 'vmkit-check-XXXXXX'], {
    withinMs: 30_000,
  });
  if (exitCode !== 0) throw new VmkitError('tool', 'tool-failed', `mktemp: ${stderr.trim()}`);
  const data = join(machinePaths(context.paths, name).dataDir, 'check');
  await context.host.remove(data);
  return { ...context, paths: { ...context.paths, data, state: stdout.trim() } };
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

/**
 * The machine without a network: nobody reaches it, it dials nobody, and it joins no tailnet or tunnel, where the first one is. What stands in another machine
 * cannot be checked so: throws `backup-needs-others`.
 */
export function cutOff(spec: VmSpec): VmSpec {
  const isInside = (service: Service): boolean =>
    service.node === undefined && service.nebula === undefined && service.wireguard === undefined;
  const services = spec.services.filter(isInside).map((service) => ({
    ...service,
    ports: service.ports.map((port) => ({ ...port, hostPort: undefined })),
  }));
  if (spec.needs.length > 0 || services.some(({ secrets }) => secrets.some(({ from }) => from !== undefined))) {
    const text = `${spec.name} needs ${spec.needs.join(', ')}: alone it does not get ready, so its backup is not checked.`;
    throw new VmkitError('usage', 'backup-needs-others', text, {
      hint: `The backup was saved. Check that of ${spec.needs.join(', ')}, which holds the data.`,
    });
  }
  return { ...spec, services, network: { kind: 'user', world: 'none', hostAccess: [] } };
}

async function bootAndCompare(spec: VmSpec, counted: readonly Counts[], context: VerbContext): Promise<Checked> {
  const { name, services } = spec;
  const verified: string[] = [];
  try {
    await withMachine(name, `vmkit backup ${name} --check`, context, async (machine) => {
      const chosen = chooseComponents([], process.env, spec, process.cwd());
      const boot = await prepareBoot(spec, machine, chosen, context, { choose: vmmChooser(context), isAdopted: true });
      await runStep({ ...boot, title: `boot the backup of ${name}` }, context);
    });
    const [copy = new Map<string, number>()] = await countsOf(name, services, context);
    const wrong = differences(counted, copy);
    if (wrong.length > 0) throw new VmkitError('boot', 'backup-check-failed', wrong.join('\n'));
    for (const service of services) if (await verify(name, service, context)) verified.push(service.name);
    return { services: services.map((service) => service.name), counts: copy.size, verified };
  } finally {
    // Also after Ctrl-C; then the power is cut.
    const within = context.signal.aborted ? 1 : 120;
    await stopMachines(name, within, { ...context, signal: new AbortController().signal }).catch((error) => {
      context.report({ kind: 'note', text: `The machine of the check did not stop: ${messageOf(error)}` });
    });
  }
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
