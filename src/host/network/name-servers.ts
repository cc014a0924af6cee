import { isIP } from 'node:net';
import { isAndroid } from '../android/is-android.ts';
import { phoneNameServers } from '../android/phone-name-servers.ts';
import type { Context } from '../context.ts';
import { readText } from '../read-text.ts';

/** systemd-resolved's list of the servers that it asks itself (systemd-resolved.service(8)); /etc/resolv.conf then names its stub on loopback. */
const FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** MAXNS of resolv.h: a resolver asks no more. */
const MOST = 3;

/** The name servers of this host that a machine with an address of its own can ask: none on loopback. */
export async function readNameServers({ host }: Pick<Context, 'host'>): Promise<readonly string[]> {
  if (!host.isHere && (await isAndroid(host))) return usable(await phoneNameServers(host));
  for (const file of FILES) {
    const found = parseNameServers(await readText(file, host));
    if (found.length > 0) return found;
  }
  return [];
}

/** resolv.conf(5). */
export function parseNameServers(text: string): readonly string[] {
  return usable(text.split('\n').flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []));
}

/** Loopback and link-local addresses mean something else in a machine. */
function usable(servers: readonly string[]): readonly string[] {
  return servers.filter((server) => isIP(server) > 0 && !/^(127\.|0\.|::1?$|fe80:)/i.test(server)).slice(0, MOST);
}
