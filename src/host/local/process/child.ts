import { type ChildProcess, type ChildProcessWithoutNullStreams, type SpawnOptions, spawn } from 'node:child_process';
import { announce } from '../../../core/announce.ts';
import { childEnvironment } from './child-environment.ts';

/** `spawn` of node:child_process, with what a child is meant to have of our environment. Nobody else calls it (a rule of dependency-cruiser). */
export function spawnChild(
  file: string,
  args: readonly string[],
  {
    env,
    ...options
  }: Omit<SpawnOptions, 'env' | 'shell'> & { readonly env?: Readonly<Record<string, string>> | undefined },
): ChildProcess {
  announce([file, ...args]);
  return spawn(file, args, { ...options, env: childEnvironment(env) });
}

/** The same for a child whose three streams are pipes of ours. Throws the system's error where no file is left for them. */
export function spawnPiped(
  file: string,
  args: readonly string[],
  {
    env,
    ...options
  }: Omit<SpawnOptions, 'env' | 'shell' | 'stdio'> & { readonly env?: Readonly<Record<string, string>> | undefined },
): ChildProcessWithoutNullStreams {
  announce([file, ...args]);
  const child = spawn(file, args, { ...options, stdio: 'pipe', env: childEnvironment(env) });
  requireStreams(child);
  return child;
}

/** After EMFILE and ENFILE node leaves the streams out, which its types do not say (lib/internal/child_process.js), and tells the error later. */
function requireStreams(child: ChildProcess): void {
  if (child.stdin !== undefined && child.stdout !== undefined && child.stderr !== undefined) return;
  child.once('error', () => undefined);
  throw Object.assign(new Error('spawn EMFILE'), { code: 'EMFILE', syscall: 'spawn' });
}
