import { isAnswered } from '../../../net/dial.ts';
import type { Endpoint } from '../../../net/endpoint.ts';
import { questionTo } from '../../../net/question.ts';
import type { Peer } from '../../../tailnet/peer/peer.ts';
import type { Redirect } from '../../facts.ts';

const WITHIN_MS = 4_000;

/**
 * Follows where an answer sends one on to, one step, from the same peer. An answer that stays at the address that was asked needs no try; `localhost` is the
 * peer itself. Undefined: nowhere else.
 */
export async function tryRedirect(
  peer: Pick<Peer, 'dial'>,
  asked: Endpoint,
  location: string | undefined,
): Promise<Redirect | undefined> {
  const url = location === undefined ? undefined : parseUrl(location, asked);
  if (location === undefined || url === undefined) return undefined;
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === asked.address && port === asked.port) return undefined;
  if (/^(localhost|.*\.localhost|127\.[\d.]+|0\.0\.0\.0|::1)$/.test(host)) {
    return { location, whyNot: `${host} is the peer itself` };
  }
  const tlsName = url.protocol === 'https:' ? host : undefined;
  const end = await peer.dial({ address: host, port }, { ...questionTo('http', url.host), tlsName }, WITHIN_MS);
  // Another status, or an own certificate that is not known here, is a server all the same.
  const isThere = isAnswered(end) || /certificate|self.signed/i.test(end.text);
  return { location, whyNot: isThere ? undefined : end.text };
}

function parseUrl(location: string, { address, port }: Endpoint): URL | undefined {
  const url = URL.canParse(location, `http://${address}:${port}/`)
    ? new URL(location, `http://${address}:${port}/`)
    : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}
