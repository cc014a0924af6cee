import { VmkitError } from '../../../core/errors.ts';
import type { MachinePaths } from '../../../core/paths.ts';
import type { Host, HostProcess } from '../../../host/host.ts';
import { terminate } from '../../../host/terminate.ts';
import { startGate } from '../../gate/gate-process.ts';
import type { LockedMachine } from '../../state/machine-lock.ts';
import type { MachineState } from '../../state/state.ts';
import { type Launch, launchScript } from '../launch/launch-script.ts';
import { type MachinePlan, openFiles, qemuArgv } from './argv.ts';

/** What of a machine runs on this host. */
export interface StartedMachine extends HostProcess {
  /** Between the guest and the world. */
  readonly gate?: HostProcess | undefined;
}

interface Start {
  readonly plan: MachinePlan;
  /** What is recorded of it beside its process. */
  readonly state: Omit<MachineState, 'pid' | 'startTime' | 'gate'>;
  readonly user: number | undefined;
  readonly secrets: Uint8Array;
}

/** Starts QEMU in the background with fresh logs, and its gate. No such machine runs. */
export async function startMachine(
  { plan, state, user, secrets }: Start,
  { paths }: LockedMachine,
  host: Host,
): Promise<StartedMachine> {
  // The console is a root shell.
  await host.makeFolder(paths.stateDir, 0o700);
  // Without the logs of the last time: the first event that is read must be of this one.
  for (const log of Object.values(plan.logs)) for (const file of [log, `${log}.1`]) await host.remove(file);
  if ((await host.stat(paths.powerLock)) === undefined) await host.write(paths.powerLock, '', 0o600);
  await host.remove(paths.gateLog);
  // First, so that a QEMU that runs has one; it waits for QEMU.
  const gate = await startGate(state.network, paths, host);
  const lock = {
    path: paths.powerLock,
    record: { ...state, gate, bootId: (await host.place()).bootId, stateDir: paths.stateDir },
  };
  try {
    return { ...(await launch(plan, { runDir: paths.runDir, user, lock, secrets }, host)), gate };
  } catch (error) {
    if (gate !== undefined) await terminate(gate, host);
    throw error;
  }
}

/** Starts QEMU as a machine's own user, in a new folder of its own. */
export async function launch(
  plan: MachinePlan,
  {
    runDir,
    user,
    lock,
    secrets,
  }: Pick<MachinePaths, 'runDir'> & Pick<Launch, 'lock'> & Pick<Start, 'user' | 'secrets'>,
  host: Host,
): Promise<HostProcess> {
  await host.remove(runDir);
  await host.makeFolder(runDir, 0o700);
  const own = user === undefined ? undefined : { id: user, group: await kvmGroup(plan, host) };
  if (own !== undefined) {
    await must(['chown', `${own.id}:${own.id}`, runDir], host);
    // QEMU opens them a second time. There is no secret in either.
    await must(['chmod', '0644', plan.kernel, plan.initramfs], host);
  }
  const script = launchScript({
    argv: qemuArgv(plan),
    files: openFiles(plan),
    logs: plan.logs,
    folder: runDir,
    user: own,
    lock,
    inputBytes: secrets.length,
  });
  // --norc: bash reads ~/.bashrc where its standard input is a socket, as Node's pipes are.
  return host.start(['bash', '--norc', '-c', script], { logFile: plan.logs.qemu, input: secrets });
}

/** The group that may open /dev/kvm. Never root's. */
async function kvmGroup({ accelerator }: MachinePlan, host: Host): Promise<number | undefined> {
  if (accelerator !== 'kvm') return undefined;
  const gid = (await host.stat('/dev/kvm'))?.gid;
  return gid === 0 ? undefined : gid;
}

async function must(argv: readonly string[], host: Host): Promise<void> {
  const { exitCode, stderr } = await host.exec(argv, { withinMs: 30_000 });
  if (exitCode !== 0) throw new VmkitError('tool', 'tool-failed', `${argv[0]} on ${host.name}: ${stderr.trim()}`);
}
