import { chmod, mkdir, rm, truncate } from 'node:fs/promises';
import { poll } from '../core/deadline.ts';
import { isSystemError } from '../core/errors.ts';
import type { MachinePaths } from '../core/paths.ts';
import { type BackgroundProcess, startInBackground, terminate } from '../host/background.ts';
import { checkSocketPath } from '../host/console.ts';
import type { Context } from '../host/context.ts';
import { qmpCommand } from '../host/qmp.ts';
import type { NetworkSpec } from '../spec/network.ts';
import { startGate } from './gate-process.ts';
import { openMacvtap } from './host-link.ts';
import { type MachinePlan, qemuArgv } from './qemu.ts';

/** What of a machine runs on this host. */
export interface StartedMachine extends BackgroundProcess {
  /** Between the guest and the world. */
  readonly gate?: BackgroundProcess | undefined;
}

/** Starts QEMU in the background with fresh logs, and its gate. Call it with the machine's lock held and no such machine running. */
export async function startMachine(
  plan: MachinePlan,
  network: NetworkSpec,
  paths: MachinePaths,
): Promise<StartedMachine> {
  checkSocketPath(plan.consoleSocket);
  checkSocketPath(plan.qmpSocket);
  checkSocketPath(plan.gate.guestSocket);
  checkSocketPath(plan.gate.worldSocket);
  await mkdir(paths.stateDir, { recursive: true });
  // The console is a root shell.
  await chmod(paths.stateDir, 0o700);
  const { consoleSocket, qmpSocket, linkSocket, gateGuestSocket, gateWorldSocket } = paths;
  for (const path of [paths.consoleLog, consoleSocket, qmpSocket, linkSocket, gateGuestSocket, gateWorldSocket])
    await rm(path, { force: true });
  for (const log of [paths.qemuLog, paths.gateLog]) {
    await truncate(log, 0).catch((error: unknown) => {
      if (!isSystemError(error, 'ENOENT')) throw error;
    });
  }
  const link = plan.link !== undefined && 'macvtap' in plan.link ? await openMacvtap(plan.link.macvtap) : undefined;
  let gate: BackgroundProcess | undefined;
  try {
    // First, so that a QEMU that runs has one; it waits for QEMU.
    gate = await startGate(network, paths);
    const descriptors = link === undefined ? [] : [link.fd];
    const options = { logFile: paths.qemuLog, cwd: paths.stateDir, descriptors };
    return { ...(await startInBackground(qemuArgv(plan), options)), gate };
  } catch (error) {
    if (gate !== undefined) await terminate(gate);
    throw error;
  } finally {
    await link?.close();
  }
}

/**
 * Ends a QEMU of this machine that no state file knows: vmkit was killed between starting it and writing that down. It is found by
 * its control socket, which nobody else has.
 */
export async function endOrphan(paths: MachinePaths, context: Context): Promise<void> {
  const quit = (): Promise<boolean> =>
    qmpCommand(paths.qmpSocket, 'quit', 2_000).then(
      () => true,
      () => false,
    );
  if (!(await quit())) return;
  context.report({ kind: 'note', text: 'Ended a QEMU of this machine that a killed vmkit had left behind.' });
  await poll(async () => ((await quit()) ? undefined : true), { withinMs: 10_000, signal: context.signal });
}
