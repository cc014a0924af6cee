import { dirname, join } from 'node:path';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { type ChosenComponents, chooseComponents } from '../../image/components/component-choice.ts';
import { vmmChooser } from '../../machine/choose-vmm.ts';
import { withMachine } from '../../machine/state/machine-lock.ts';
import { findRunning } from '../../machine/state/running.ts';
import type { Service } from '../../spec/service.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { prepareBoot } from '../boot/boot-flow.ts';
import { runStep, type VerbContext } from '../step.ts';
import { stopMachines } from '../stop.ts';

/**
 * Gives `work` folders for a machine of the same name that has nothing to do with the first one; nothing of it is left. The caller holds the lock of the machine's
 * backups. What a killed vmkit left of an earlier one, be it a guest that runs, is ended before.
 */
export async function withFoldersApart<T>(
  name: string,
  context: VerbContext,
  work: (apart: VerbContext) => Promise<T>,
): Promise<T> {
  const data = join(machinePaths(context.paths, name).dataDir, 'apart');
  await endFormer(name, data, context);
  await context.host.remove(data);
  // Data beside the machine's, where there is room for it; state in a short path, since the names of sockets are.
  const made = await context.host.exec(['mktemp', '-d', '-t', 'vmkit-apart-XXXXXX'], { withinMs: 30_000 });
  if (made.exitCode !== 0) throw new VmkitError('tool', 'tool-failed', `mktemp: ${made.stderr.trim()}`);
  const apart = { ...context, paths: { ...context.paths, data, state: made.stdout.trim() } };
  try {
    return await work(apart);
  } finally {
    await context.host.remove(apart.paths.state);
    await context.host.remove(data);
  }
}

async function endFormer(name: string, data: string, context: VerbContext): Promise<void> {
  const found = await findRunning(name, { host: context.host, paths: { ...context.paths, data, state: data } });
  if (found === undefined) return;
  const state = dirname(dirname(found.stateDir));
  await stopMachines(name, 1, { ...context, paths: { ...context.paths, data, state } });
  await context.host.remove(state);
}

/**
 * The machine without a network: nobody reaches it, it dials nobody, and it joins no tailnet or tunnel, where the first one is. What stands in another machine
 * does not get ready so: throws `backup-needs-others`.
 */
export function cutOff(spec: VmSpec): VmSpec {
  const isInside = (service: Service): boolean =>
    service.node === undefined && service.nebula === undefined && service.wireguard === undefined;
  const services = spec.services.filter(isInside).map((service) => ({
    ...service,
    ports: service.ports.map((port) => ({ ...port, hostPort: undefined })),
  }));
  if (spec.needs.length > 0 || services.some(({ secrets }) => secrets.some(({ from }) => from !== undefined))) {
    const text = `${spec.name} needs ${spec.needs.join(', ')}: alone it does not get ready, so its copy is not tried.`;
    throw new VmkitError('usage', 'backup-needs-others', text, {
      hint: `A backup was saved nevertheless. Check or upgrade ${spec.needs.join(', ')}, which holds the data.`,
    });
  }
  return { ...spec, services, network: { kind: 'user', world: 'none', hostAccess: [] } };
}

/** Boots a machine in folders of its own, until its services are ready, and stops it after `work`, whatever happens. */
export async function whileApart<T>(
  spec: VmSpec,
  title: string,
  context: VerbContext,
  work: () => Promise<T>,
  chosen: ChosenComponents = chooseComponents([], process.env, spec, process.cwd()),
): Promise<T> {
  const { name } = spec;
  try {
    await withMachine(name, `vmkit: ${title}`, context, async (machine) => {
      const boot = await prepareBoot(spec, machine, chosen, context, { choose: vmmChooser(context), isAdopted: true });
      await runStep({ ...boot, title }, context);
    });
    return await work();
  } finally {
    // Also after Ctrl-C; then the power is cut.
    const within = context.signal.aborted ? 1 : 120;
    await stopMachines(name, within, { ...context, signal: new AbortController().signal }).catch((error) => {
      context.report({ kind: 'note', text: `The machine of the copy did not stop: ${messageOf(error)}` });
    });
  }
}
