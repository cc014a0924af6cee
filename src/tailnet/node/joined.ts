import { join } from 'node:path';
import * as z from 'zod';
import type { Paths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';

const joinedSchema = z.object({
  pid: z.int(),
  startTime: z.int(),
  bootId: z.string().optional(),
  hostname: z.string(),
  address: z.string(),
  loginServer: z.string().optional(),
  /** On 127.0.0.1: SOCKS5 and HTTP. */
  proxyPort: z.int(),
  /** Its state is kept: it is the same node after the next start. */
  isKept: z.boolean(),
});

/** The node of `vmkit tailnet join` on this computer. */
export type Joined = z.infer<typeof joinedSchema>;

interface JoinedPaths {
  readonly lock: string;
  /** The socket, the log, its two programs. */
  readonly folder: string;
  readonly file: string;
  /** Lines for a shell: the variables of its proxy. */
  readonly variables: string;
  /** Who the node is, where that is kept. */
  readonly state: string;
}

export function joinedPaths(paths: Paths): JoinedPaths {
  const folder = join(paths.state, 'tailnet');
  return {
    lock: join(paths.state, 'tailnet.lock'),
    folder,
    file: join(folder, 'node.json'),
    variables: join(folder, 'variables.sh'),
    state: join(paths.data, 'tailnet', 'tailscaled.state'),
  };
}

/** The node, and whether its tailscaled runs; undefined where none was joined. */
export async function readJoined({
  host,
  paths,
}: Pick<Context, 'host' | 'paths'>): Promise<(Joined & { readonly isRunning: boolean }) | undefined> {
  const joined = parseJson(await host.readOurs(joinedPaths(paths).file), joinedSchema);
  return joined === undefined ? undefined : { ...joined, isRunning: await host.isRunning(joined) };
}

export async function writeJoined(joined: Joined, { host, paths }: Pick<Context, 'host' | 'paths'>): Promise<void> {
  await host.write(joinedPaths(paths).file, `${JSON.stringify(joined, null, 2)}\n`, 0o600);
}

/**
 * What programs read that know proxies: SOCKS5 with names resolved behind it (`socks5h`), and HTTP for those that know no other. Nothing of this computer's own goes
 * there. curl and git read the small letters, Go and Python either.
 */
export function proxyVariables(proxyPort: number): Readonly<Record<string, string>> {
  const http = `http://127.0.0.1:${proxyPort}`;
  const none = 'localhost,127.0.0.1,::1';
  return {
    ALL_PROXY: `socks5h://127.0.0.1:${proxyPort}`,
    ...{ HTTP_PROXY: http, HTTPS_PROXY: http, http_proxy: http, https_proxy: http },
    ...{ NO_PROXY: none, no_proxy: none },
  };
}

/** The same for a POSIX shell to read. */
export function exportLines(proxyPort: number): string {
  return Object.entries(proxyVariables(proxyPort))
    .map(([name, value]) => `export ${name}=${value}\n`)
    .join('');
}
