import { withLock } from '../../host/with-lock.ts';
import { joinedPaths, readJoined } from '../../tailnet/node/joined.ts';
import { endNode, tailscaleOf } from '../../tailnet/node/userspace-node.ts';
import type { VerbContext } from '../step.ts';
import { removeFromProfile } from './profile-line.ts';

export interface Left {
  /** The node that was there; undefined: none was. */
  readonly hostname: string | undefined;
  readonly isProfileChanged: boolean;
}

/** Logs the node of `joinTailnet` out, which removes one that is ephemeral, ends it, and removes its state and its line of ~/.profile. */
export async function leaveTailnet(context: VerbContext): Promise<Left> {
  const { folder, lock, state } = joinedPaths(context.paths);
  const isProfileChanged = await removeFromProfile(context);
  return withLock(lock, 'vmkit tailnet leave', context, async () => {
    const joined = await readJoined(context);
    if (joined?.isRunning === true) {
      // It does not listen to Ctrl-C: half left is worse than late.
      const calm = { ...context, signal: new AbortController().signal };
      await endNode(joined, tailscaleOf(`${folder}/tailscale`, folder, calm), true, context);
    }
    await context.host.remove(folder);
    await context.host.remove(state);
    return { hostname: joined?.hostname, isProfileChanged };
  });
}
