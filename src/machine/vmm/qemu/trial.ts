import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from '../../../core/deadline.ts';
import type { Context } from '../../../host/context.ts';
import { endProcess, isRunning } from '../../../host/local/background.ts';
import { logReader } from '../../../host/local/log-reader.ts';
import { parseGuestEvent } from '../../../spec/guest-event.ts';
import type { MachinePlan } from './argv.ts';
import { allRecorded, type Logs } from './recorder.ts';
import { launch } from './run.ts';

/** A guest on working KVM says its first event within a second; one on broken KVM never does. */
const TRIAL_MS = 8_000;

type Outcome = { readonly passed: true } | { readonly passed: false; readonly reason: string };

/** Runs a machine without disks and ports until stage 1 says its first event, then ends it. */
export async function runTrial(
  plan: MachinePlan,
  user: number | undefined,
  context: Context,
  withinMs = TRIAL_MS,
): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-trial-'));
  const logs: Logs = {
    console: join(folder, 'console.log'),
    events: join(folder, 'events.log'),
    qemu: join(folder, 'qemu.log'),
  };
  const log = logReader(logs.events);
  try {
    const process = await launch(
      { ...plan, disks: [], forwards: [], world: 'none', link: undefined, logs },
      { runDir: join(folder, 'run'), user, lock: undefined, secrets: new Uint8Array() },
    );
    try {
      const end = await poll(
        async () => {
          const isAlive = isRunning(process);
          for await (const line of log.lines()) if (parseGuestEvent(line, []) !== undefined) return 'passed';
          return isAlive ? undefined : 'ended';
        },
        { withinMs, signal: context.signal },
      );
      if (end === 'passed') return { passed: true };
      if (end === undefined) return { passed: false, reason: 'KVM opens but runs no guest' };
      await allRecorded(logs);
      context.report({ kind: 'note', text: `QEMU with KVM: ${await lastLine(logs.qemu)}` });
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
