import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

const TYPES = ['data', 'keys', 'locks', 'snapshots', 'index'];
const VERSIONS = ['application/vnd.x.restic.rest.v2', 'application/vnd.x.restic.rest.v1'];

export interface RestStandIn {
  readonly port: number;
  /** `TYPE/NAME` and `config`. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** METHOD and path of each request. */
  readonly asked: string[];
  /** Called before each request, which it may leave without an answer. */
  onRequest: (method: string, path: string) => void;
  /** Breaks all connections, and takes no new one until `comeBack`. */
  goAway(): void;
  comeBack(): Promise<void>;
}

/**
 * Stands in for restic's rest-server: its protocol (restic documentation, "REST Backend"), both versions of it, for one repository at `/NAME/` in memory, on loopback,
 * until the end of the test. Stricter than a server has to be: what the documentation does not have is answered by 400 and fails the test.
 */
export async function startRestStandIn(name: string, user: string, password: string): Promise<RestStandIn> {
  const files = new Map<string, Buffer>();
  const asked: string[] = [];
  const wrong: string[] = [];
  const login = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  let isMade = false;
  let server: Server | undefined;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request;
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stand-in');
    asked.push(`${method} ${pathname}`);
    own.onRequest(method, pathname);
    const end = (status: number, body: Buffer | string = '', headers = {}): void => {
      response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
      response.end(method === 'HEAD' ? undefined : body);
    };
    const refuse = (why: string): void => {
      wrong.push(`${method} ${request.url}: ${why}`);
      end(400, why);
    };
    if (request.headers.authorization !== login) {
      return end(401, 'Unauthorized', { 'www-authenticate': 'Basic realm="stand-in"' });
    }
    const body = await readBody(request);
    if (!pathname.startsWith(`/${name}/`)) return end(404);
    const path = pathname.slice(name.length + 2);
    if (path === '') {
      if (method !== 'POST' || searchParams.get('create') !== 'true') return refuse('not of the protocol');
      isMade = true;
      return end(200);
    }
    const [type = '', file, more] = path.split('/');
    const isName = path === 'config' || (TYPES.includes(type) && /^[0-9a-f]{64}$/.test(file ?? ''));
    if (more !== undefined || !(isName || (TYPES.includes(type) && file === ''))) return refuse('no such path');
    if (file === '') {
      const version = VERSIONS.find((each) => request.headers.accept === each);
      if (method !== 'GET') return refuse('a list is only read');
      const stored = [...files].filter(([key]) => key.startsWith(path));
      const list = stored.map(([key, { length }]) => ({ name: key.slice(path.length), size: length }));
      const body = version === VERSIONS[0] ? list : list.map((each) => each.name);
      return end(200, JSON.stringify(body), { 'content-type': version ?? VERSIONS[1] });
    }
    const there = files.get(path);
    if (method === 'POST') {
      if (!isMade) return end(404);
      if (there !== undefined) return end(403, 'exists');
      const sum = createHash('sha256').update(body).digest('hex');
      if (path !== 'config' && sum !== file) return refuse('the content is not what the name says');
      files.set(path, body);
      return end(200);
    }
    if (there === undefined) return end(404);
    if (method === 'HEAD') return end(200, there);
    if (method === 'DELETE') {
      files.delete(path);
      return end(200);
    }
    if (method !== 'GET') return refuse('not of the protocol');
    const { range } = request.headers;
    if (range === undefined) return end(200, there);
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
    if (from === undefined) return refuse(`range ${range}`);
    const last = to === '' || to === undefined ? there.length - 1 : Math.min(Number(to), there.length - 1);
    if (Number(from) > last) return end(416);
    end(206, there.subarray(Number(from), last + 1), {
      'content-range': `bytes ${from}-${last}/${there.length}`,
    });
  };

  const listen = async (port: number): Promise<number> => {
    const next = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
    await new Promise<void>((resolve) => void next.listen(port, '127.0.0.1', resolve));
    server = next;
    return addressOf(next).port;
  };
  const goAway = (): void => {
    server?.closeAllConnections();
    server?.close();
  };
  const port = await listen(0);
  const own: RestStandIn = {
    port,
    files,
    asked,
    onRequest: () => undefined,
    goAway,
    comeBack: async () => void (await listen(port)),
  };
  onTestFinished(() => {
    goAway();
    if (wrong.length > 0) throw new Error(`What is not of the protocol was asked:\n${wrong.join('\n')}`);
  });
  return own;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address;
}
