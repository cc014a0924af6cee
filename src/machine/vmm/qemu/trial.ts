import { join } from 'node:path';
import { poll } from '../../../core/deadline.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import type { Context } from '../../../host/context.ts';
import type { Host } from '../../../host/host.ts';
import { readText } from '../../../host/read-text.ts';
import { parseGuestEvent } from '../../../spec/guest-event.ts';
import type { PlacedMachine } from '../../placing.ts';
import { launch } from '../launch/launch.ts';
import { allRecorded, type Logs } from '../launch/recorder.ts';
import { qemuCommand } from './argv.ts';

/** A guest on working KVM says its first event within a second; one on broken KVM never does. */
const TRIAL_MS = 8_000;

const ALONE: Pick<PlacedMachine, 'disks' | 'forwards' | 'network' | 'device'> = {
  disks: [],
  forwards: [],
  network: { kind: 'user', world: 'none', hostAccess: [] },
  device: undefined,
};

type Outcome = { readonly passed: true } | { readonly passed: false; readonly reason: string };

/** Runs a machine without disks and ports until stage 1 says its first event, then ends it. */
export async function runTrial(
  machine: PlacedMachine,
  user: number | undefined,
  context: Context,
  withinMs = TRIAL_MS,
): Promise<Outcome> {
  const { host } = context;
  const made = await host.exec(['mktemp', '-d', '-t', 'vmkit-trial-XXXXXX'], { withinMs: 30_000 });
  if (made.exitCode !== 0) throw new VmkitError('tool', 'tool-failed', `mktemp on ${host.name}: ${made.stderr.trim()}`);
  const folder = made.stdout.trim();
  const logs: Logs = {
    console: join(folder, 'console.log'),
    events: join(folder, 'events.log'),
    monitor: join(folder, 'qemu.log'),
  };
  const log = host.log(logs.events);
  try {
    const bare: PlacedMachine = { ...machine, ...ALONE, logs };
    const process = await launch(
      qemuCommand(bare),
      bare,
      { runDir: join(folder, 'run'), user, lock: undefined, secrets: new Uint8Array() },
      host,
    );
    try {
      const end = await poll(
        async () => {
          const isAlive = await host.isRunning(process);
          for await (const line of log.lines()) if (parseGuestEvent(line, []) !== undefined) return 'passed';
          return isAlive ? undefined : 'ended';
        },
        { withinMs, signal: context.signal },
      );
      if (end === 'passed') return { passed: true };
      if (end === undefined) return { passed: false, reason: 'KVM opens but runs no guest' };
      await allRecorded(logs, host);
      context.report({ kind: 'note', text: `QEMU with KVM: ${await lastLine(logs.monitor, host)}` });
      return { passed: false, reason: 'KVM opens but QEMU aborts with it' };
    } finally {
      await host.signal(process, 'SIGKILL');
    }
  } finally {
    await log.close();
    await host.remove(folder);
  }
}

async function lastLine(path: string, host: Host): Promise<string> {
  return (await readText(path, host)).trim().split('\n').at(-1) ?? '';
}
