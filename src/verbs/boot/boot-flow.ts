import { machinePaths } from '../../core/paths.ts';
import { checkSocketPath } from '../../guest/console/attach.ts';
import type { ChosenComponents } from '../../image/components/component-choice.ts';
import { onVmm, requireAbilities } from '../../machine/abilities.ts';
import { type Booted, bootMachine, followMachine } from '../../machine/boot.ts';
import type { ChooseVmm } from '../../machine/choose-vmm.ts';
import { ensureDataDisk } from '../../machine/disks/data-disk.ts';
import { readIdentity } from '../../machine/disks/identity.ts';
import { readProgress } from '../../machine/follow/status.ts';
import { keepGate } from '../../machine/gate/gate-process.ts';
import { requireHostLink, requireOwnTap } from '../../machine/host-link.ts';
import { describePorts } from '../../machine/plan.ts';
import { openPorts, requireFreePorts } from '../../machine/ports.ts';
import type { LockedMachine } from '../../machine/state/machine-lock.ts';
import { requireFree, runningMachine } from '../../machine/state/running.ts';
import { clearState, type MachineState } from '../../machine/state/state.ts';
import { joinNetwork } from '../../machine/switch/network-members.ts';
import { vmmOf } from '../../machine/vmm/drivers.ts';
import { withWorldOf, withWorldOfStart } from '../../machine/world-there.ts';
import { ensureSecrets, secretFile } from '../../secrets/secret-store.ts';
import { secretTree } from '../../secrets/secret-tree.ts';
import { packSecretsDisk } from '../../secrets/secrets-disk.ts';
import { dropbearKey, ensureSshKeys } from '../../secrets/ssh-keys.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { assemble } from '../build/assemble.ts';
import { placeFiles } from '../build/place-files.ts';
import { planArtifacts } from '../build/plan-artifacts.ts';
import { ensureNebulaCertificates } from '../nebula-certificates.ts';
import type { Step, VerbContext } from '../step.ts';
import { changesSinceBoot } from './changes-since-boot.ts';
import { forgetGivenSecrets, takeGivenSecrets } from './given-secrets.ts';
import { ensureMachineUser, plannedUser } from './machine-user.ts';
import { rememberDefinition, requireOwnMachine } from './whose-machine.ts';

export interface BootOutcome extends Booted {
  readonly wasRunning: boolean;
  /** What the definition says otherwise than the running machine was booted with, a line each. */
  readonly changes: readonly string[];
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
  const { vmm, says } = running === undefined ? await choose(given.arch) : { vmm: vmmOf(running), says: undefined };
  const adapted = onVmm(given, vmm, context.host.name);
  const defined = adapted.spec;
  if (running !== undefined) {
    // A switch or a gate that was killed is started again.
    await joinNetwork(defined, context);
    // Its node is the one that it was started with.
    await rememberDefinition({ ...defined, services: [] }, paths, context);
    const started = withWorldOfStart(defined, running, context.host);
    return joinRunning(await keepGate(running, paths, context), started, chosen, context);
  }
  const spec = await withWorldOf(defined, context);
  await requireFree(machine, context);
  await clearState(paths, context.host);
  // All that can be known before minutes of building.
  checkSocketPath(paths.consoleSocket);
  // Asked before minutes of building, and again before the start.
  const opened = openPorts({ ports: describePorts(spec.services), network: spec.network });
  const ports = vmm.endpoint === undefined ? opened : [];
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
  const { uuid } = await ensureDataDisk(spec, paths, context);
  await rememberDefinition(spec, paths, context);
  const user = await ensureMachineUser(machine, vmm, context);
  const { secrets, tells } = await packSecrets(spec, context);
  const request = { ...assembled, files, spec, dataUuid: uuid, secrets, tells, user, startedFor };
  return {
    title: `boot ${spec.name}`,
    run: async (inner) => {
      await requireFreePorts(ports, spec.name, inner.host);
      await joinNetwork(spec, inner);
      const booted = await bootMachine(request, vmm, machine, inner);
      await forgetGivenSecrets(spec, paths, inner.host);
      return { ...booted, wasRunning: false, changes: [] };
    },
  };
}

async function joinRunning(
  state: MachineState,
  spec: VmSpec,
  chosen: ChosenComponents,
  context: VerbContext,
): Promise<Step<BootOutcome>> {
  const planned = await planArtifacts(spec, chosen, context);
  const disk = await context.host.stat(machinePaths(context.paths, spec.name).dataDisk);
  const diskMib = disk === undefined ? undefined : Math.floor(disk.bytes / 1024 ** 2);
  const changes = changesSinceBoot(state, await withWorldOf(spec, context), diskMib, planned);
  return {
    title: `${spec.name} runs`,
    run: async (inner) => {
      // What was said long ago is not news.
      const isBooted = (await readProgress(state, inner)).end?.kind === 'booted';
      const quiet = isBooted ? { ...inner, report: () => undefined } : inner;
      return { ...(await followMachine(state, spec.services, quiet)), wasRunning: true, changes };
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
