import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { MAIN, momentOf, vmkit } from './measure.ts';

const stateFile = z.object({ pid: z.number() });

/** Ticks in a second of the times in /proc/PID/stat: sysconf(_SC_CLK_TCK), 100 on every Linux that Node runs on. */
const TICKS = 100;

/**
 * Folders of its own for data and state, so that a person's machines are left alone; the cache is shared. vmkit's own kernel is there, and these folders know its
 * source (kernel/choose-kernel.ts), so that `auto` takes it.
 */
export async function withOwnMachines<T>(work: (env: Record<string, string>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
  try {
    const env = { XDG_DATA_HOME: join(folder, 'data'), XDG_STATE_HOME: join(folder, 'state') };
    await vmkit(['build-kernel'], env);
    return await work(env);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Boots a machine by the command line and returns the seconds from the start of QEMU until `marker` is among its events; waits for the boot's end. */
export async function secondsToReady(
  name: string,
  marker: string,
  env: Record<string, string>,
  args: readonly string[] = [],
  definition = name,
): Promise<number> {
  const events = join(stateDir(name, env), 'events.log');
  await rm(events, { force: true });
  const child = spawn(process.execPath, [MAIN, 'boot', definition, '--json', ...args], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const ended = once(child, 'close');
  const moment = await momentOf(events, marker, 600);
  const elapsed = await secondsSinceStart(await pidOf(name, env));
  await ended;
  if (moment === undefined || child.exitCode !== 0)
    throw new Error(`${name} did not boot (exit code ${child.exitCode})`);
  return elapsed;
}

/** Of a running machine's QEMU. */
export async function pidOf(name: string, env: Record<string, string>): Promise<number> {
  return stateFile.parse(JSON.parse(await readFile(join(stateDir(name, env), 'state.json'), 'utf8'))).pid;
}

function stateDir(name: string, env: Record<string, string>): string {
  return join(env['XDG_STATE_HOME'] ?? '', 'vmkit', 'machines', name);
}

export async function stop(name: string, env: Record<string, string>): Promise<void> {
  await vmkit(['stop', name], env);
}

/** proc_pid_stat(5): field 22 is the start in ticks since the host's boot; the name in field 2 may hold spaces. */
export async function secondsSinceStart(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const uptime = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return uptime - Number(fields[19]) / TICKS;
}
