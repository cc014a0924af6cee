import type { Host } from '../host/host.ts';

/** How a report names the host of a machine, for whom `this host` would be the computer where he sits: `ssh://me@server`. */
export function hostName({ isHere, name }: Pick<Host, 'isHere' | 'name'>): string {
  return isHere ? 'this host' : name;
}
