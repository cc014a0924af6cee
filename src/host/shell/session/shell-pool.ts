import { VmkitError } from '../../../core/errors/errors.ts';
import type { Job, JobResult, Shell } from './shell.ts';

/** OpenSSH's server lets 10 sessions through one connection (sshd_config(5), MaxSessions); some are left for locks and logs. */
const MAX_SHELLS = 6;
const MAX_IDLE = 2;

export interface ShellPool {
  /** Runs a job in a shell that is free, or a new one; waits while too many run. */
  run(job: Job): Promise<JobResult>;
  /** The same for what ends only when it is told to: it takes nobody's place. */
  runLong(job: Job): Promise<JobResult>;
  /** From now on every job fails with this reason, until the function that is returned is called. */
  refuse(reason: unknown): () => void;
}

/** A login shell costs its start-up files and several round trips; so it is kept for the next job. */
export function shellPool(start: () => Promise<Shell>): ShellPool {
  let idle: Shell[] = [];
  let running = 0;
  const waiting: (() => void)[] = [];
  const refusals = new Set<{ readonly reason: unknown }>();

  const take = async (): Promise<Shell> => {
    idle = idle.filter((shell) => shell.isUsable());
    const shell = idle.pop() ?? (await start());
    shell.hold(true);
    return shell;
  };
  const giveBack = (shell: Shell): void => {
    if (shell.isUsable() && idle.length < MAX_IDLE) {
      shell.hold(false);
      idle.push(shell);
    } else shell.close();
  };
  const runLong = async (job: Job): Promise<JobResult> => {
    for (const { reason } of refusals) throw reason;
    const shell = await take();
    try {
      return await shell.run(job);
    } catch (error) {
      // The idle ones share that connection, and may not have noticed yet.
      if (isConnectionLost(error)) for (const each of idle.splice(0)) each.close();
      throw error;
    } finally {
      giveBack(shell);
    }
  };
  return {
    runLong,
    refuse: (reason) => {
      const refusal = { reason };
      refusals.add(refusal);
      return () => void refusals.delete(refusal);
    },
    run: async (job) => {
      if (running >= MAX_SHELLS) await new Promise<void>((resolve) => waiting.push(resolve));
      running += 1;
      try {
        return await runLong(job);
      } finally {
        running -= 1;
        waiting.shift()?.();
      }
    },
  };
}

const LOST: ReadonlySet<string> = new Set(['adb-connection-lost', 'ssh-connection-lost']);

export function isConnectionLost(error: unknown): boolean {
  return error instanceof VmkitError && LOST.has(error.code);
}
