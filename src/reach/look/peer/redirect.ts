import { type DialEnd, type DialRequest, isAnswered } from '../../../net/dial.ts';
import { type Endpoint, hostText, portOf } from '../../../net/endpoint.ts';
import { questionTo } from '../../../net/question.ts';
import type { Peer } from '../../../tailnet/peer/peer.ts';
import type { Redirect } from '../../facts.ts';

/** More than a service needs to send one to its login. Browsers give up after twenty. */
const STEPS = 6;

/**
 * Follows where an answer sends one on to, from the same peer, to the page that a person gets: by way of other pages of this server, to another server at most
 * once. `localhost` is the peer itself. Undefined: the page is there, on this server.
 */
export async function followRedirect(
  peer: Pick<Peer, 'dial'>,
  asked: Endpoint,
  request: DialRequest,
  first: DialEnd,
  withinMs: number,
): Promise<Redirect | undefined> {
  const deadline = performance.now() + withinMs;
  const start = startOf(asked, request);
  const been = new Set([start.href]);
  let at = start;
  let end = first;
  for (let step = 0; step < STEPS; step++) {
    const { location } = end;
    const url = location === undefined ? undefined : parseUrl(location, at);
    if (location === undefined || url === undefined) return undefined;
    const isSame = isOfServer(url, start, asked);
    if (!isSame && isOwn(url)) return { location, whyNot: `${nameOf(url)} is the peer itself` };
    if (isSame && been.has(url.href)) {
      // With a cookie it may lead on: that is a browser's to keep.
      return end.setsCookie === true ? undefined : { location, whyNot: 'it leads in a circle', isLoop: true };
    }
    const left = Math.max(1, deadline - performance.now());
    end = await (isSame ? askAgain(peer, asked, request, url, left) : askElsewhere(peer, url, left));
    if (end.isUnasked) return undefined;
    // Another status, or an own certificate that is not known here, is a server all the same.
    const isThere = isAnswered(end) || /certificate|self.signed/i.test(end.text);
    if (!isThere) return { location, whyNot: end.text };
    if (!isSame) return { location, whyNot: undefined };
    if ((end.status ?? 0) >= 500) return { location, whyNot: undefined, status: end.status };
    been.add(url.href);
    at = url;
  }
  return undefined;
}

/** What was asked for first, as a browser would name it. */
function startOf({ address, port }: Endpoint, { host, path, tlsName }: DialRequest): URL {
  const name = hostText(tlsName ?? host);
  const scheme = tlsName === undefined ? 'http' : 'https';
  const text = `${scheme}://${name}:${port}${path}`;
  return new URL(URL.canParse(text) ? text : `${scheme}://${hostText(address)}:${port}/`);
}

/** By the name that was asked for, or by its address. */
function isOfServer(url: URL, start: URL, { address }: Endpoint): boolean {
  return (
    url.protocol === start.protocol && portOf(url) === portOf(start) && [nameOf(start), address].includes(nameOf(url))
  );
}

function askAgain(peer: Pick<Peer, 'dial'>, asked: Endpoint, request: DialRequest, url: URL, withinMs: number) {
  const question = questionTo('http', request.host, `${url.pathname}${url.search}`);
  return peer.dial(asked, { ...question, tlsName: request.tlsName }, withinMs);
}

function askElsewhere(peer: Pick<Peer, 'dial'>, url: URL, withinMs: number) {
  const tlsName = url.protocol === 'https:' ? nameOf(url) : undefined;
  const question = questionTo('http', url.host, `${url.pathname}${url.search}`);
  return peer.dial({ address: nameOf(url), port: portOf(url) }, { ...question, tlsName }, withinMs);
}

function isOwn(url: URL): boolean {
  return /^(localhost|.*\.localhost|127\.[\d.]+|0\.0\.0\.0|::1)$/.test(nameOf(url));
}

function nameOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function parseUrl(location: string, base: URL): URL | undefined {
  const url = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}
