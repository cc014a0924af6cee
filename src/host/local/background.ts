import { readFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { poll } from '../../core/deadline.ts';
import { isSystemError } from '../../core/errors.ts';
import { spawnChild } from './child.ts';
import { cannotRun } from './process.ts';
import { type ProcessStat, processStat } from './process-stat.ts';

/** A process that outlives vmkit. A pid alone may belong to another process by now; with its start time it is this one. */
export interface BackgroundProcess {
  readonly pid: number;
  /** Clock ticks from the start of the system to the start of the process: field 22 of /proc/PID/stat (proc_pid_stat(5)). */
  readonly startTime: number;
}

interface BackgroundOptions {
  /** Standard output and error go to its end; created with mode 0600. */
  readonly logFile: string;
  readonly cwd?: string | undefined;
  /** Added to what every child gets (child-environment.ts). */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Standard input; none when absent. */
  readonly input?: Uint8Array | undefined;
}

/**
 * Starts a process in its own session that lives on when vmkit ends, Ctrl-C included. Says nothing about how it fares: ask
 * `isRunning`. Throws `tool-missing` when there is no such program.
 */
export async function startInBackground(
  argv: readonly string[],
  options: BackgroundOptions,
): Promise<BackgroundProcess> {
  const [file, ...args] = argv;
  if (file === undefined) throw new TypeError('A command needs a program.');
  await mkdir(dirname(options.logFile), { recursive: true });
  const log = await open(options.logFile, 'a', 0o600);
  try {
    const child = spawnChild(file, args, {
      detached: true,
      cwd: options.cwd,
      env: options.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', log.fd, log.fd],
    });
    // Read before the event loop turns: even a process that has ended already is still a zombie with a start time.
    const startTime = child.pid === undefined ? undefined : statusOf(child.pid)?.startTime;
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(cannotRun(argv, options.cwd, error)));
    });
    if (options.input !== undefined) await feed(child, options.input);
    child.unref();
    return { pid: child.pid ?? 0, startTime: startTime ?? 0 };
  } finally {
    await log.close();
  }
}

/** Back when all is handed over. One that ended early says why in its log. */
async function feed(child: ReturnType<typeof spawnChild>, input: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    child.stdin?.once('close', resolve).on('error', () => undefined);
    child.stdin?.end(input, () => child.stdin?.destroy());
  });
}

/** Whether this very process still runs; a zombie does not. */
export function isRunning(target: BackgroundProcess): boolean {
  const status = statusOf(target.pid);
  return status !== undefined && status.startTime === target.startTime && status.state !== 'Z' && status.state !== 'X';
}

/** Whether this very process was halted by SIGSTOP, or by a debugger: it runs, but does nothing. */
export function isHaltedBySignal(target: BackgroundProcess): boolean {
  const status = statusOf(target.pid);
  return status?.startTime === target.startTime && ['T', 't'].includes(status.state);
}

/** Sends a signal to this very process; false when it does not run any more. */
export function endProcess(target: BackgroundProcess, signal: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return false;
    throw error;
  }
}

/** Ends this very process: SIGTERM, and SIGKILL after 5 s; back when it is gone. */
export async function terminate(target: BackgroundProcess): Promise<void> {
  if (!endProcess(target, 'SIGTERM')) return;
  const isGone = (): true | undefined => (isRunning(target) ? undefined : true);
  if ((await poll(isGone, { withinMs: 5_000 })) === true) return;
  endProcess(target, 'SIGKILL');
  await poll(isGone, { withinMs: 5_000 });
}

function statusOf(pid: number): ProcessStat | undefined {
  try {
    return processStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ESRCH')) return undefined;
    throw error;
  }
}
