import { chmod, mkdir, rm } from 'node:fs/promises';
import { poll } from '../core/deadline.ts';
import type { MachinePaths } from '../core/paths.ts';
import { type BackgroundProcess, startInBackground } from '../host/background.ts';
import { checkSocketPath } from '../host/console.ts';
import type { Context } from '../host/context.ts';
import { qmpCommand } from '../host/qmp.ts';
import { openMacvtap } from './host-link.ts';
import { type MachinePlan, qemuArgv } from './qemu.ts';
import { logsOf, recorded } from './recorder.ts';

/** Starts QEMU in the background with fresh logs. Call it with the machine's lock held and no such machine running. */
export async function startMachine(plan: MachinePlan, paths: MachinePaths): Promise<BackgroundProcess> {
  checkSocketPath(plan.consoleSocket);
  checkSocketPath(plan.qmpSocket);
  await mkdir(paths.stateDir, { recursive: true });
  // The console is a root shell.
  await chmod(paths.stateDir, 0o700);
  // Without the logs of the last time: the first event that is read must be of this one.
  for (const path of [
    ...Object.values(logsOf(paths)).flatMap((log) => [log, `${log}.1`]),
    paths.consoleSocket,
    paths.qmpSocket,
    paths.linkSocket,
  ])
    await rm(path, { force: true });
  const link = plan.link !== undefined && 'macvtap' in plan.link ? await openMacvtap(plan.link.macvtap) : undefined;
  try {
    const descriptors = link === undefined ? [] : [link.fd];
    return await startInBackground(recorded(qemuArgv(plan), logsOf(paths)), {
      logFile: paths.qemuLog,
      cwd: paths.stateDir,
      descriptors,
    });
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
