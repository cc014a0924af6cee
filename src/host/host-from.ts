import type { Host } from './host.ts';
import { localHost } from './local/local.ts';
import { sshHost } from './ssh/ssh-host.ts';

/** The host of a URL, `ssh://[USER@]HOST[:PORT]`; this machine without one. */
export function hostFrom(url: string | undefined): Host {
  return url === undefined ? localHost() : sshHost(url);
}
