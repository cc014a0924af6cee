import { join } from 'node:path';
import type { Context } from '../host/context.ts';

/** Where the artifacts are, a folder each: `KIND-KEY`. */
export function storeDir(context: Pick<Context, 'paths'>): string {
  return join(context.paths.cache, 'store');
}

/** How the name of a folder begins that is being made. */
export const BUILDING = '.building-';

/** The lock of who builds or fetches an artifact. */
export function lockPath(context: Pick<Context, 'paths'>, name: string): string {
  return join(storeDir(context), 'locks', `${name}.lock`);
}
