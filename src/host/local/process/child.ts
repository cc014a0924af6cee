import { type ChildProcess, type ChildProcessWithoutNullStreams, type SpawnOptions, spawn } from 'node:child_process';
import { announce } from '../../../core/announce.ts';
import { childEnvironment } from './child-environment.ts';
import { requireFiles } from './require-files.ts';

/**
 * `spawn` of node:child_process, with what a child is meant to have of our environment. Nobody else calls it (a rule of dependency-cruiser). Throws the system's
 * error where no file is left for it.
 */
export function spawnChild(
  file: string,
  args: readonly string[],
  {
    env,
    ...options
  }: Omit<SpawnOptions, 'env' | 'shell'> & { readonly env?: Readonly<Record<string, string>> | undefined },
): ChildProcess {
  requireFiles();
  announce([file, ...args]);
  return spawn(file, args, { ...options, env: childEnvironment(env) });
}

/** The same for a child whose three streams are pipes of ours. */
export function spawnPiped(
  file: string,
  args: readonly string[],
  {
    env,
    ...options
  }: Omit<SpawnOptions, 'env' | 'shell' | 'stdio'> & { readonly env?: Readonly<Record<string, string>> | undefined },
): ChildProcessWithoutNullStreams {
  requireFiles();
  announce([file, ...args]);
  return spawn(file, args, { ...options, stdio: 'pipe', env: childEnvironment(env) });
}
