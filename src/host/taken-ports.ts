import type { Host } from './host.ts';
import { readText } from './read-text.ts';

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

/** A port by which 127.0.0.1 of a host is reached, or UDP on all its addresses. */
export interface WantedPort {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** A bound socket of /proc/net (proc_net(5)). */
interface BoundSocket extends WantedPort {
  readonly inode: string;
}

/** Which of these ports nobody else could listen on now, and who has them, as far as /proc tells a user who may not look into others' processes. */
export async function takenPorts<Wanted extends WantedPort>(
  wanted: readonly Wanted[],
  host: Host,
): Promise<readonly (Wanted & { readonly holder: PortHolder | undefined })[]> {
  if (wanted.length === 0) return [];
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map(async (table) => {
    const protocol = table.startsWith('tcp') ? 'tcp' : 'udp';
    return boundSockets(protocol, await readText(`/proc/net/${table}`, host));
  });
  const bound = (await Promise.all(tables)).flat();
  const taken = wanted.flatMap((each) => {
    const socket = bound.find(({ protocol, port }) => protocol === each.protocol && port === each.port);
    return socket === undefined ? [] : [{ ...each, inode: socket.inode }];
  });
  if (taken.length === 0) return [];
  // Folders of others' processes cannot be listed; those of ours can.
  const { stdout } = await host.exec(['sh', '-c', 'ls -l /proc/[0-9]*/fd'], { withinMs: 30_000 });
  const holders = socketHolders(stdout);
  return Promise.all(taken.map(async (each) => ({ ...each, holder: await holderOf(holders.get(each.inode), host) })));
}

/** Sockets that keep others away: TCP that listens (state 0A) on 127.0.0.1 or everywhere, UDP that is bound at all. */
export function boundSockets(protocol: 'tcp' | 'udp', table: string): BoundSocket[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => protocol === 'udp' || (state === '0A' && LOOPBACK.test(local)))
    .flatMap(([, local = '', , , , , , , , inode]) =>
      inode === undefined ? [] : [{ protocol, port: Number.parseInt(local.slice(local.indexOf(':') + 1), 16), inode }],
    );
}

/** Addresses in hexadecimal, each word in the byte order of the host: any, 127.0.0.1, and its form in IPv6, on a processor of either order. */
const LOOPBACK = /^(0{8}|0{32}|0100007F|7F000001|0{16}(?:FFFF0000|0000FFFF)(?:0100007F|7F000001)):/;

/** Inode of a socket → process, from `ls -l` of folders of descriptors: `/proc/42/fd:` and `… 3 -> socket:[4242]`. */
export function socketHolders(listing: string): ReadonlyMap<string, number> {
  const holders = new Map<string, number>();
  let pid = 0;
  for (const line of listing.split('\n')) {
    const [, folder] = /^\/proc\/(\d+)\/fd:$/.exec(line) ?? [];
    if (folder !== undefined) pid = Number(folder);
    const [, inode] = / -> socket:\[(\d+)\]$/.exec(line) ?? [];
    if (inode !== undefined && !holders.has(inode)) holders.set(inode, pid);
  }
  return holders;
}

async function holderOf(pid: number | undefined, host: Host): Promise<PortHolder | undefined> {
  if (pid === undefined) return undefined;
  const command = (await readText(`/proc/${pid}/comm`, host)).trim();
  return { pid, command: command || 'a process' };
}
