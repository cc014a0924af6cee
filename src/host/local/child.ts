import { type ChildProcess, type ChildProcessWithoutNullStreams, type SpawnOptions, spawn } from 'node:child_process';
import { announce } from '../../core/announce.ts';
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

/** The same for a child whose three streams are pipes of ours. */
export function spawnPiped(
  file: string,
  args: readonly string[],
  {
    env,
    ...options
  }: Omit<SpawnOptions, 'env' | 'shell' | 'stdio'> & { readonly env?: Readonly<Record<string, string>> | undefined },
): ChildProcessWithoutNullStreams {
  announce([file, ...args]);
  return spawn(file, args, { ...options, stdio: 'pipe', env: childEnvironment(env) });
}
