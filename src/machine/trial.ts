import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from '../core/deadline.ts';
import { endProcess, isRunning, startInBackground } from '../host/background.ts';
import { logReader } from '../host/console-log.ts';
import type { Context } from '../host/context.ts';
import { parseGuestEvent } from '../spec/guest-event.ts';
import { type MachinePlan, qemuArgv } from './qemu.ts';

/** A guest on working KVM says its first event within a second; one on broken KVM never does. */
const TRIAL_MS = 8_000;

type Outcome = { readonly passed: true } | { readonly passed: false; readonly reason: string };

/** Runs a machine without disks and ports until stage 1 says its first event, then ends it. */
export async function runTrial(plan: MachinePlan, context: Context, withinMs = TRIAL_MS): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-trial-'));
  const log = logReader(join(folder, 'console.log'));
  const errors = join(folder, 'qemu.log');
  try {
    const argv = qemuArgv({
      ...plan,
      disks: [],
      forwards: [],
      world: 'none',
      link: undefined,
      consoleSocket: join(folder, 'console.sock'),
      consoleLog: join(folder, 'console.log'),
      qmpSocket: join(folder, 'qmp.sock'),
    });
    const process = await startInBackground(argv, { logFile: errors });
    try {
      const end = await poll(
        async () => {
          const isAlive = isRunning(process);
          if ((await log.read()).some((line) => parseGuestEvent(line) !== undefined)) return 'passed';
          return isAlive ? undefined : 'ended';
        },
        { withinMs, signal: context.signal },
      );
      if (end === 'passed') return { passed: true };
      if (end === undefined) return { passed: false, reason: 'KVM opens but runs no guest' };
      context.report({ kind: 'note', text: `QEMU with KVM: ${await lastLine(errors)}` });
      return { passed: false, reason: 'KVM opens but QEMU aborts with it' };
    } finally {
      endProcess(process, 'SIGKILL');
    }
  } finally {
    await log.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function lastLine(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trim().split('\n').at(-1) ?? '';
}
