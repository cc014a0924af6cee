import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { type DialEnd, dial, isAnswered } from '../../net/dial.ts';
import { questionTo } from '../../net/question.ts';
import type { Peer } from '../peer/peer.ts';
import { type TailscaleStatus, tailscaleStatus, withoutDot } from '../tailscale-json.ts';
import { proxyVariables } from './joined.ts';

/** One thing that was tried. */
export interface Verified {
  readonly title: string;
  /** Undefined: there was nothing to try it with. */
  readonly isOk: boolean | undefined;
  /** What was seen. */
  readonly said: string;
}

const WITHIN_MS = 10_000;
const MOST_PINGS = 5;

/**
 * Tries a node: its state, a ping of a peer that is online, HTTP through its proxy (to that peer's own API, which each Tailscale has), and each of `urls`: HTTP, or git
 * for one that ends with `.git`.
 */
export async function verifyNode(
  tailscale: Peer['tailscale'],
  proxyPort: number,
  urls: readonly string[],
  context: Context,
): Promise<readonly Verified[]> {
  const { stdout } = await tailscale(['status', '--json'], { withinMs: WITHIN_MS });
  const status = parseJson(stdout, tailscaleStatus);
  const state: Verified = {
    title: 'status',
    isOk: status?.BackendState === 'Running',
    said: [status?.BackendState ?? 'tailscaled does not answer', ...(status?.Health ?? [])].join('; '),
  };
  const online = Object.values(status?.Peer ?? {}).filter(({ Online: isOnline }) => isOnline === true);
  const given = urls.map((url) =>
    url.endsWith('.git') ? askGit(url, proxyPort, context) : askHttp(`GET ${url}`, url, proxyPort),
  );
  return [state, ...(await reachPeer(tailscale, online, proxyPort)), ...(await Promise.all(given))];
}

type StatusPeer = NonNullable<TailscaleStatus['Peer']>[string];

/** Pings some at the same time, of which one may have gone away unheard; goes on with the first that answers. */
async function reachPeer(
  tailscale: Peer['tailscale'],
  online: readonly StatusPeer[],
  proxyPort: number,
): Promise<Verified[]> {
  if (online.length === 0) return [{ title: 'ping', isOk: undefined, said: 'no other node is online' }];
  const pings = online.slice(0, MOST_PINGS).map(async (peer) => ({ peer, ping: await pingPeer(tailscale, peer) }));
  const answered = pings.map(async (each) =>
    (await each).ping.isOk === true ? each : Promise.reject(new Error('no answer')),
  );
  const first = await Promise.any(answered).catch(() => undefined);
  if (first !== undefined) return [first.ping, await askPeer(first.peer, proxyPort)];
  return (await Promise.all(pings)).slice(0, 1).map(({ ping }) => ping);
}

async function pingPeer(tailscale: Peer['tailscale'], peer: StatusPeer): Promise<Verified> {
  const args = ['ping', '--c=3', '--timeout=3s', '--until-direct=false', peer.TailscaleIPs?.[0] ?? ''];
  const { exitCode, stdout, stderr } = await tailscale(args, { withinMs: 2 * WITHIN_MS });
  const [said = ''] = `${stdout}${stderr}`.trim().split('\n').reverse();
  return { title: `ping ${nameOf(peer)}`, isOk: exitCode === 0, said };
}

async function askPeer(peer: StatusPeer, proxyPort: number): Promise<Verified> {
  const url = peer.PeerAPIURL?.find((each) => !each.includes('['));
  if (url === undefined) return { title: 'HTTP', isOk: undefined, said: 'that node has no API' };
  return askHttp(`HTTP to the API of ${nameOf(peer)}`, `${url}/`, proxyPort);
}

/** By the proxy's HTTP, or for TLS by its SOCKS5. */
async function askHttp(title: string, url: string, proxyPort: number): Promise<Verified> {
  if (!URL.canParse(url)) return { title, isOk: false, said: 'it is no URL' };
  const { protocol, hostname, host, port, pathname } = new URL(url);
  const isTls = protocol === 'https:';
  const request = { ...questionTo('http', host, isTls ? pathname : url), tlsName: isTls ? hostname : undefined };
  const end = isTls
    ? await dial({ address: hostname, port: Number(port || 443) }, request, WITHIN_MS, { socksPort: proxyPort })
    : await dial({ address: '127.0.0.1', port: proxyPort }, request, WITHIN_MS);
  return { title, isOk: isAnswered(end) && !isProxysOwn(end), said: end.text };
}

/** What tailscaled's proxy answers itself where it reaches nobody. */
function isProxysOwn({ status }: DialEnd): boolean {
  return status === 502 || status === 503 || status === 504;
}

/** Without git its first question (gitprotocol-http(5)), by HTTP. */
async function askGit(url: string, proxyPort: number, { host, signal }: Context): Promise<Verified> {
  if (!(await host.programs(['git'])).has('git')) {
    const title = `${url} by HTTP, since there is no git here`;
    return askHttp(title, `${url}/info/refs?service=git-upload-pack`, proxyPort);
  }
  const env = { ...proxyVariables(proxyPort), GIT_TERMINAL_PROMPT: '0' };
  const { exitCode, stdout, stderr } = await host.exec(['git', 'ls-remote', url, 'HEAD'], {
    env,
    withinMs: 30_000,
    signal,
  });
  return {
    title: `git ls-remote ${url}`,
    isOk: exitCode === 0,
    said: `${stdout}${stderr}`.trim().split('\n')[0] ?? '',
  };
}

function nameOf(peer: StatusPeer): string {
  return withoutDot(peer.DNSName) || peer.HostName || 'a node';
}
