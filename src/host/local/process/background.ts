import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError } from '../../../core/errors/errors.ts';
import type { HostProcess, StartOptions } from '../../host.ts';
import { makeFolders } from '../files/make-folders.ts';
import { spawnChild } from './child.ts';
import { cannotRun } from './process.ts';
import { type ProcessStat, processStat } from './process-stat.ts';

/**
 * Starts a process in its own session that lives on when vmkit ends, Ctrl-C included. Says nothing about how it fares: ask
 * `isRunning`. Throws `tool-missing` when there is no such program.
 */
export async function startInBackground(argv: readonly string[], options: StartOptions): Promise<HostProcess> {
  const [file, ...args] = argv;
  if (file === undefined) throw new TypeError('A command needs a program.');
  makeFolders(dirname(options.logFile));
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
    return { pid: child.pid ?? 0, startTime: startTime ?? 0, bootId: bootId() };
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
export function isRunning(target: HostProcess): boolean {
  if (target.bootId !== undefined && target.bootId !== bootId()) return false;
  const status = statusOf(target.pid);
  return status !== undefined && status.startTime === target.startTime && status.state !== 'Z' && status.state !== 'X';
}

/** Sends a signal to this very process; false when it does not run any more. */
export function endProcess(target: HostProcess, signal: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return false;
    throw error;
  }
}

/** Another one after each start of the system (random(4)). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function statusOf(pid: number): ProcessStat | undefined {
  try {
    return processStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ESRCH')) return undefined;
    throw error;
  }
}
