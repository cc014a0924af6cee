import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { checkSocketPath } from '../../guest/console/attach.ts';
import type { Context } from '../../host/context.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { onVmm, requireAbilities } from '../../machine/abilities.ts';
import { type Booted, bootMachine, followMachine } from '../../machine/boot.ts';
import type { ChooseVmm } from '../../machine/choose-vmm.ts';
import { ensureDataDisk } from '../../machine/disks/data-disk.ts';
import { growRunning } from '../../machine/disks/grow-running.ts';
import { readIdentity } from '../../machine/disks/identity.ts';
import { readProgress } from '../../machine/follow/status.ts';
import { keepGate } from '../../machine/gate/gate-process.ts';
import { requireHostLink, requireOwnTap } from '../../machine/host-link.ts';
import { describePorts } from '../../machine/plan.ts';
import { openPorts, requireFreePorts } from '../../machine/ports.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import { requireFree, runningMachine } from '../../machine/state/running.ts';
import { clearState, type MachineState } from '../../machine/state/state.ts';
import { isSuspended } from '../../machine/state/suspended.ts';
import { dropMemory, whyNotResumable } from '../../machine/suspend/resume.ts';
import { settleSuspend } from '../../machine/suspend/settle.ts';
import { joinNetwork } from '../../machine/switch/network-members.ts';
import { vmmOf } from '../../machine/vmm/drivers.ts';
import type { Vmm } from '../../machine/vmm/vmm.ts';
import { withWorldOf, withWorldOfStart } from '../../machine/world-there.ts';
import { ensureSecrets, secretFile } from '../../secrets/secret-store.ts';
import { secretTree } from '../../secrets/secret-tree.ts';
import { packSecretsDisk } from '../../secrets/secrets-disk.ts';
import { dropbearKey, ensureSshKeys } from '../../secrets/ssh-keys.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { type Assembled, assemble } from '../build/assemble.ts';
import { placeFiles } from '../build/place-files.ts';
import { planArtifacts } from '../build/plan-artifacts.ts';
import { requireNotMoving } from '../move/moving.ts';
import { ensureNebulaCertificates } from '../nebula-certificates.ts';
import type { Step, VerbContext } from '../step.ts';
import { resumeThere } from '../suspend/resume.ts';
import { changesSinceBoot } from './changes-since-boot.ts';
import { forgetGivenSecrets, takeGivenSecrets } from './given-secrets.ts';
import { goBack, type WentBack, wayBack } from './last-good/go-back.ts';
import { beginTrial, endTrial } from './last-good/trial.ts';
import { ensureMachineUser, plannedUser } from './machine-user.ts';
import { rememberDefinition, requireOwnMachine } from './whose-machine.ts';

export interface BootOutcome extends Booted {
  readonly wasRunning: boolean;
  /** It goes on from its memory. */
  readonly wasSuspended?: boolean;
  /** What the definition says otherwise than the running machine was booted with, a line each. */
  readonly changes: readonly string[];
  /** It did not get ready, and runs again as it did before. */
  readonly wentBack?: WentBack;
}

interface BootOptions {
  readonly choose: ChooseVmm;
  /** It is taken over from another definition. */
  readonly isAdopted?: boolean;
  /** The machine that needs it, where nobody asked for it by name. */
  readonly startedFor?: string | undefined;
}

/**
 * Builds what is stale and prepares a machine's disks. The step that it returns starts the machine and waits until it really answers; one that runs already is
 * only waited for. The machine stays locked until the step is over.
 */
export async function prepareBoot(
  given: VmSpec,
  machine: LockedMachine,
  chosen: ChosenComponents,
  context: VerbContext,
  { choose, isAdopted = false, startedFor }: BootOptions,
): Promise<Step<BootOutcome>> {
  const { paths } = machine;
  await requireOwnMachine(given, paths, isAdopted, context);
  const running = await runningMachine(given.name, context);
  await settleSuspend(running, machine, context);
  if (running === undefined && (await canResume(machine, context)))
    return resumeStep(given, machine, chosen, context, { choose, isAdopted, startedFor });
  const { vmm, says } = running === undefined ? await choose(given.arch) : { vmm: vmmOf(running), says: undefined };
  const adapted = onVmm(given, vmm, context.host.name);
  const defined = adapted.spec;
  if (running !== undefined) {
    // A switch or a gate that was killed is started again.
    await joinNetwork(defined, context);
    // Its node is the one that it was started with.
    await rememberDefinition({ ...defined, services: [] }, paths, context);
    const started = withWorldOfStart(defined, running, context.host);
    const state = await keepGate(running, paths, context);
    return joinRunning(state, started, machine, chosen, context, startedFor);
  }
  const spec = await withWorldOf(defined, context);
  await requireFree(machine, context);
  await requireNotMoving(spec.name, paths, context.host);
  await clearState(paths, context.host);
  // All that can be known before minutes of building.
  checkSocketPath(paths.consoleSocket);
  // Asked before minutes of building, and again before the start.
  const ports = portsOnHost(spec, vmm);
  if (says !== undefined) context.report({ kind: 'note', text: `${says}.` });
  if (adapted.says !== undefined) context.report({ kind: 'note', text: adapted.says });
  requireAbilities(spec, vmm);
  await requireFreePorts(ports, spec.name, context.host);
  await requireHostLink(spec, context.host);
  await requireOwnTap(spec, await plannedUser(spec.name, vmm, context), context.host);
  const identity = await readIdentity(paths.identityFile, context.host);
  await takeGivenSecrets(spec, paths, identity?.hasDataDisk !== true, context);
  const assembled = await assemble(spec, chosen, context);
  const files = await placeFiles(spec.name, assembled.files, context);
  const placed = { ...assembled, files };
  // A phone's supervisor starts what it was told, whatever is kept here.
  if (vmm.name === 'qemu') await beginTrial(given, assembled.files, placed, machine, context);
  const start = await readyToStart(spec, placed, machine, { vmm, startedFor }, context);
  return {
    title: `boot ${spec.name}`,
    run: async (inner) =>
      orGoBack(given, machine, { ...context, ...inner }, { vmm, startedFor }, async () => ({
        ...(await start(inner)),
        wasRunning: false,
        changes: [],
      })),
  };
}

/** Whether a machine that is off goes on where it was. Memory that nobody can go on from is dropped, and that is told. */
async function canResume(machine: LockedMachine, context: VerbContext): Promise<boolean> {
  if (!(await isSuspended(machine.paths, context.host))) return false;
  await requireFree(machine, context);
  const why = await whyNotResumable(machine.paths, context);
  if (why !== undefined) await dropMemory(machine, why, context);
  return why === undefined;
}

/** It goes on as it was, whatever its definition says by now. Where its memory turns out to be of no use, it is booted. */
function resumeStep(
  given: VmSpec,
  machine: LockedMachine,
  chosen: ChosenComponents,
  context: VerbContext,
  options: BootOptions,
): Step<BootOutcome> {
  return {
    title: `resume ${given.name}`,
    run: async (inner) => {
      const all = { ...context, ...inner };
      try {
        await resumeThere(machine, all);
      } catch (error) {
        if (!(error instanceof VmkitError) || error.code !== 'resume-failed') throw error;
        await dropMemory(machine, error.message, all);
        return (await prepareBoot(given, machine, chosen, all, options)).run(inner);
      }
      const step = await prepareBoot(given, machine, chosen, all, options);
      return { ...(await step.run(inner)), wasSuspended: true };
    },
  };
}

interface How {
  readonly vmm: Vmm;
  readonly startedFor: string | undefined;
}

/** The ports that a monitor opens on the machine's host. */
function portsOnHost(spec: VmSpec, { endpoint }: Vmm): ReturnType<typeof openPorts> {
  return endpoint === undefined ? openPorts({ ports: describePorts(spec.services), network: spec.network }) : [];
}

/** Prepares the disks of a machine that is off. What is returned starts it and waits for it. */
async function readyToStart(
  spec: VmSpec,
  assembled: Assembled,
  machine: LockedMachine,
  { vmm, startedFor }: How,
  context: VerbContext,
): Promise<(inner: Context) => Promise<Booted>> {
  const { paths } = machine;
  const ports = portsOnHost(spec, vmm);
  const { uuid } = await ensureDataDisk(spec, paths, context);
  await rememberDefinition(spec, paths, context);
  const user = await ensureMachineUser(machine, vmm, context);
  const { secrets, tells } = await packSecrets(spec, context);
  const request = { ...assembled, spec, dataUuid: uuid, secrets, tells, user, startedFor };
  return async (inner) => {
    await requireFreePorts(ports, spec.name, inner.host);
    await joinNetwork(spec, { ...context, ...inner });
    const booted = await bootMachine(request, vmm, machine, inner);
    await forgetGivenSecrets(spec, paths, inner.host);
    return booted;
  };
}

/** A boot; with `rollback: auto`, one that fails with something new ends with what was there before. */
async function orGoBack(
  spec: VmSpec,
  machine: LockedMachine,
  context: VerbContext,
  how: How,
  boot: () => Promise<BootOutcome>,
): Promise<BootOutcome> {
  try {
    const booted = await boot();
    await endTrial(machine, context);
    return booted;
  } catch (error) {
    const way = await wayBack(spec, error, machine, context);
    if (way === undefined) throw error;
    return goBack(way, error, machine, context, async (set) => {
      const before = await withWorldOf(onVmm(set.spec, how.vmm, context.host.name).spec, context);
      const start = await readyToStart(before, set.assembled, machine, how, context);
      return { ...(await start(context)), wasRunning: false, changes: [] };
    });
  }
}

async function joinRunning(
  state: MachineState,
  spec: VmSpec,
  machine: LockedMachine,
  chosen: ChosenComponents,
  context: VerbContext,
  startedFor: string | undefined,
): Promise<Step<BootOutcome>> {
  const { paths } = machine;
  const planned = await planArtifacts(spec, chosen, context);
  const changed = async (): Promise<readonly string[]> => {
    const disk = await context.host.stat(paths.dataDisk);
    const diskMib = disk === undefined ? undefined : Math.floor(disk.bytes / 1024 ** 2);
    return changesSinceBoot(state, await withWorldOf(spec, context), diskMib, planned);
  };
  return {
    title: `${spec.name} runs`,
    run: async (inner) => {
      // What was said long ago is not news.
      const isBooted = (await readProgress(state, inner)).end?.kind === 'booted';
      const quiet = isBooted ? { ...inner, report: () => undefined } : inner;
      const how = { vmm: vmmOf(state), startedFor };
      return orGoBack(spec, machine, { ...context, ...inner }, how, async () => {
        const booted = await followMachine(state, spec.services, quiet);
        await growRunning(state, spec.dataMib, paths, inner);
        return { ...booted, wasRunning: true, changes: await changed() };
      });
    },
  };
}

/** The secrets disk's content, made anew at each boot, and what a person is told of the secrets: whose, and in which file. */
export async function packSecrets(
  spec: VmSpec,
  context: VerbContext,
): Promise<{ secrets: Uint8Array; tells: MachineState['tells'] }> {
  const paths = machinePaths(context.paths, spec.name);
  const keys = await ensureSshKeys(paths.secretsDir, context.host);
  await ensureNebulaCertificates(spec, context);
  const tree = secretTree(spec, {
    secrets: await ensureSecrets(spec, paths, context),
    authorizedKey: keys.clientPublicKey,
    hostKey: await dropbearKey(keys.hostKey),
    now: Math.floor(Date.now() / 1000),
  });
  const tells = spec.services.flatMap((service) =>
    service.secrets.flatMap(({ name, tell }) =>
      tell === undefined ? [] : [{ service: service.name, text: tell, file: secretFile(paths, service.name, name) }],
    ),
  );
  return { secrets: packSecretsDisk(tree), tells };
}
