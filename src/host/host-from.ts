import type { Paths } from '../core/paths.ts';
import { adbHost } from './adb/adb-host.ts';
import type { Host } from './host.ts';
import { sshHost } from './ssh/ssh-host.ts';

/** A host, with the folders where things are kept on it. */
export interface Place {
  readonly host: Host;
  readonly paths: Paths;
}

/** The host of a URL: `ssh://[USER@]HOST[:PORT]`, `adb:[USER@][SERIAL]`. Throws `bad-usage`. */
export function hostFrom(url: string): Host {
  return url.startsWith('adb:') ? adbHost(url) : sshHost(url);
}

/** The same with the XDG folders of its user. Logs in, and throws why it could not. */
export async function placeOf(url: string): Promise<Place> {
  const host = hostFrom(url);
  return { host, paths: (await host.place()).paths };
}
