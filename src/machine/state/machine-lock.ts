import { type MachinePaths, machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { withLock } from '../../host/with-lock.ts';
import { tidy } from './leftovers.ts';
import { requireShape } from './machine-shape.ts';

const held: unique symbol = Symbol('held');

/** A machine whose lock this process holds: what starts it, changes it or deletes it asks for one. Only `withMachine` makes them. */
export interface LockedMachine {
  readonly [held]: true;
  readonly name: string;
  readonly paths: MachinePaths;
}

/** Runs `work` with a machine's lock held. What a killed vmkit left behind is gone by then, and the machine's folders are its owner's alone. */
export async function withMachine<T>(
  name: string,
  purpose: string,
  context: Context,
  work: (machine: LockedMachine) => Promise<T>,
): Promise<T> {
  const paths = machinePaths(context.paths, name);
  await requireShape(paths, context.host);
  await context.host.makeFolder(paths.dataDir, 0o700);
  return withLock(paths.lock, purpose, context, async () => {
    await tidy(paths, context.host);
    return work({ [held]: true, name, paths });
  });
}
