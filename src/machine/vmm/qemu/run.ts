import { chmod, chown, mkdir, open, rm, stat } from 'node:fs/promises';
import type { MachinePaths } from '../../../core/paths.ts';
import { type BackgroundProcess, startInBackground, terminate } from '../../../host/local/background.ts';
import { startGate } from '../../gate/gate-process.ts';
import type { LockedMachine } from '../../state/machine-lock.ts';
import type { MachineState } from '../../state/state.ts';
import { type MachinePlan, openFiles, qemuArgv } from './argv.ts';
import { type Launch, launchScript } from './launch.ts';

/** What of a machine runs on this host. */
export interface StartedMachine extends BackgroundProcess {
  /** Between the guest and the world. */
  readonly gate?: BackgroundProcess | undefined;
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
): Promise<StartedMachine> {
  await mkdir(paths.stateDir, { recursive: true, mode: 0o700 });
  // The console is a root shell.
  await chmod(paths.stateDir, 0o700);
  // Without the logs of the last time: the first event that is read must be of this one.
  for (const log of Object.values(plan.logs)) for (const file of [log, `${log}.1`]) await rm(file, { force: true });
  await (await open(paths.powerLock, 'a', 0o600)).close();
  await rm(paths.gateLog, { force: true });
  // First, so that a QEMU that runs has one; it waits for QEMU.
  const gate = await startGate(state.network, paths);
  const lock = { path: paths.powerLock, record: { ...state, gate, stateDir: paths.stateDir } };
  try {
    return { ...(await launch(plan, { runDir: paths.runDir, user, lock, secrets })), gate };
  } catch (error) {
    if (gate !== undefined) await terminate(gate);
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
): Promise<BackgroundProcess> {
  await rm(runDir, { recursive: true, force: true });
  await mkdir(runDir, { mode: 0o700 });
  const own = user === undefined ? undefined : { id: user, group: await kvmGroup(plan) };
  if (own !== undefined) {
    await chown(runDir, own.id, own.id);
    // QEMU opens them a second time. There is no secret in either.
    for (const file of [plan.kernel, plan.initramfs]) await chmod(file, 0o644);
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
  return startInBackground(['bash', '--norc', '-c', script], { logFile: plan.logs.qemu, input: secrets });
}

/** The group that may open /dev/kvm. Never root's. */
async function kvmGroup({ accelerator }: MachinePlan): Promise<number | undefined> {
  if (accelerator !== 'kvm') return undefined;
  const { gid } = await stat('/dev/kvm');
  return gid === 0 ? undefined : gid;
}
