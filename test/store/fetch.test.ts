import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { sha256 } from '../../src/core/digest.ts';
import { parseChecksums } from '../../src/store/fetch/checksums.ts';
import { download, fetchText } from '../../src/store/fetch/fetch.ts';
import type { Download } from '../../src/store/fetch/transfer.ts';
import { contextIn } from '../support/context.ts';
import { serveHttp } from '../support/stand-ins/http-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
const other = Buffer.from(content).fill(1, 0, 10);
const limits = { answerMs: 2_000, stallMs: 300, attempts: 3 };

let base: string;
let handler: RequestListener;
let requests: IncomingMessage['headers'][];
let folder: string;

beforeEach(async () => {
  requests = [];
  folder = await temporaryFolder();
  base = await serveHttp((request, response) => {
    requests.push(request.headers);
    handler(request, response);
  });
});

const context = (signal?: AbortSignal): ReturnType<typeof contextIn> => contextIn(folder, signal);

async function unusedAddress(): Promise<AddressInfo> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address;
}

const request = (over: Partial<Download> = {}): Download => ({
  name: 'thing 1.0',
  url: `${base}/thing.tar`,
  sha256: sha256(content),
  limits,
  ...over,
});

/** Serves `body` as Apache and nginx do: ranges, If-Range, ETag. */
function serve(body: Buffer, response: ServerResponse, headers: IncomingMessage['headers'], etag = '"a"'): void {
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? Number.NaN);
  response.setHeader('etag', etag);
  if (Number.isNaN(from) || (headers['if-range'] !== undefined && headers['if-range'] !== etag)) {
    response.writeHead(200, { 'content-length': body.length }).end(body);
  } else {
    const range = `bytes ${from}-${body.length - 1}/${body.length}`;
    response.writeHead(206, { 'content-range': range, 'content-length': body.length - from }).end(body.subarray(from));
  }
}

/** Sends the first `bytes` of `body`, then cuts the connection. */
function cut(body: Buffer, response: ServerResponse, bytes: number, headers = {}): void {
  response.writeHead(200, { 'content-length': body.length, etag: '"a"', ...headers });
  response.write(body.subarray(0, bytes), () => setTimeout(() => response.destroy(), 30));
}

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.lock')).map((entry) => entry.name);
}

test('a file arrives whole, is reported in bytes, and is not asked for again', async () => {
  handler = ({ headers }, response) => serve(content, response, headers);
  const told = context();
  const first = await download(request(), told);
  expect((await readFile(first.path)).equals(content)).toBe(true);
  expect(told.progress.at(-1)).toEqual({ kind: 'count', done: content.length, total: content.length, unit: 'bytes' });
  expect(await download(request(), context())).toEqual(first);
  expect(requests).toHaveLength(1);
  expect(await filesBelow(folder)).toEqual(['thing.tar']);
});

test('a cut connection goes on where it was cut', async () => {
  handler = ({ headers }, response) =>
    requests.length === 1 ? cut(content, response, 100_000) : serve(content, response, headers);
  const { path } = await download(request(), context());
  expect((await readFile(path)).equals(content)).toBe(true);
  expect(requests[1]).toMatchObject({ range: 'bytes=100000-', 'if-range': '"a"' });
});

test('a later run goes on where a killed one ended', async () => {
  handler = (_request, response) => cut(content, response, 100_000);
  await expect(download(request({ limits: { ...limits, attempts: 1 } }), context())).rejects.toMatchObject({
    code: 'download-cut',
  });
  expect(await filesBelow(folder)).not.toContain('thing.tar');
  handler = ({ headers }, response) => serve(content, response, headers);
  const { path } = await download(request(), context());
  expect((await readFile(path)).equals(content)).toBe(true);
  expect(requests.at(-1)?.range).toBe('bytes=100000-');
});

test('a server that ignores ranges sends the whole again, and nothing is doubled', async () => {
  handler = (_request, response) => (requests.length === 1 ? cut(content, response, 100_000) : response.end(content));
  const { path } = await download(request(), context());
  expect((await readFile(path)).equals(content)).toBe(true);
});

test('content that changed between two attempts is not mixed', async () => {
  handler = ({ headers }, response) =>
    requests.length === 1 ? cut(content, response, 100_000) : serve(other, response, headers, '"b"');
  const { path } = await download(request({ sha256: sha256(other) }), context());
  expect((await readFile(path)).equals(other)).toBe(true);
});

test('content mixed by a server without validators is fetched once more, whole', async () => {
  handler = ({ headers }, response) => {
    if (requests.length === 1) cut(other, response, 100_000, { etag: 'W/"weak"' });
    else serve(content, response, headers);
  };
  const { path } = await download(request(), context());
  expect((await readFile(path)).equals(content)).toBe(true);
  expect(requests.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', undefined]);
});

test('without a checksum and a validator, a partial file is worth nothing', async () => {
  handler = (_request, response) =>
    requests.length === 1 ? cut(content, response, 100_000, { etag: 'W/"weak"' }) : response.end(content);
  const found = await download(request({ sha256: undefined }), context());
  expect(found.sha256).toBe(sha256(content));
  expect(requests[1]?.range).toBeUndefined();
});

test('a partial file longer than the content is thrown away', async () => {
  handler = ({ headers }, response) => {
    if (headers.range === undefined) serve(content, response, headers);
    else response.writeHead(416).end();
  };
  const path = (await download(request(), context())).path;
  await writeFile(`${path}.part`, Buffer.concat([content, content]));
  await writeFile(`${path}.part.json`, JSON.stringify({ url: request().url, validator: '"a"' }));
  await writeFile(path, 'damaged');
  expect((await readFile((await download(request(), context())).path)).equals(content)).toBe(true);
});

test('a wrong checksum is its own error, and the file is gone', async () => {
  handler = ({ headers }, response) => serve(other, response, headers);
  await expect(download(request(), context())).rejects.toMatchObject({
    code: 'checksum-wrong',
    details: { expected: sha256(content), found: sha256(other) },
  });
  expect((await filesBelow(folder)).filter((name) => !name.endsWith('.json'))).toEqual([]);
});

test('a damaged file in the cache is not handed out', async () => {
  handler = ({ headers }, response) => serve(content, response, headers);
  const { path } = await download(request(), context());
  await writeFile(path, other);
  expect((await readFile((await download(request(), context())).path)).equals(content)).toBe(true);
});

test('a transfer that stalls is tried again, then given up', async () => {
  handler = (_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 10));
  };
  await expect(download(request({ limits: { ...limits, attempts: 1 } }), context())).rejects.toMatchObject({
    code: 'download-cut',
    message: expect.stringContaining('nothing came for 0.3 s'),
  });
});

test('a server that never answers, a refused connection and an unknown name are each told', async () => {
  handler = () => undefined;
  const never = request({ limits: { ...limits, answerMs: 200, attempts: 1 } });
  await expect(download(never, context())).rejects.toMatchObject({
    code: 'no-network',
    message: expect.stringContaining('no answer within 0.2 s'),
  });
  // A port that was just free: browsers' blocked ports, such as 1, are refused by fetch itself.
  const { port } = await unusedAddress();
  const refused = request({ url: `http://127.0.0.1:${port}/thing`, limits: { attempts: 1 } });
  await expect(download(refused, context())).rejects.toMatchObject({
    code: 'no-network',
    message: expect.stringContaining('the connection was refused'),
  });
  const unknown = request({ url: 'http://no-such-host.invalid/thing', limits: { attempts: 1 } });
  await expect(fetchText(unknown, context())).rejects.toMatchObject({
    code: 'no-network',
    message: expect.stringContaining('cannot be resolved'),
  });
});

test('404 is not tried again; 503 is', async () => {
  handler = (_request, response) => response.writeHead(404).end();
  await expect(download(request(), context())).rejects.toMatchObject({ code: 'download-refused' });
  expect(requests).toHaveLength(1);
  handler = ({ headers }, response) =>
    requests.length < 3 ? response.writeHead(503).end() : serve(content, response, headers);
  await download(request(), context());
  expect(requests).toHaveLength(3);
});

test('an interrupted transfer ends at once and keeps what came', async () => {
  const controller = new AbortController();
  handler = (_request, response) => {
    response.writeHead(200, { 'content-length': content.length, etag: '"a"' });
    response.write(content.subarray(0, 1000), () => setTimeout(() => controller.abort(), 50));
  };
  await expect(
    download(request({ limits: { ...limits, stallMs: 60_000 } }), context(controller.signal)),
  ).rejects.toMatchObject({ code: 'interrupted' });
  expect(await filesBelow(folder)).toContain('thing.tar.part');
});

test('two downloads of one file at once ask once', async () => {
  handler = ({ headers }, response) => serve(content, response, headers);
  const [first, second] = await Promise.all([download(request(), context()), download(request(), context())]);
  expect(first).toEqual(second);
  expect(requests).toHaveLength(1);
});

test('a full disk is told as such', async () => {
  handler = ({ headers }, response) => serve(content, response, headers);
  const { path } = await download(request(), context());
  const full = join(dirname(dirname(path)), sha256(`${base}/full.tar`).slice(0, 16));
  await mkdir(full, { recursive: true });
  // Every write to /dev/full fails with ENOSPC (full(4)).
  await symlink('/dev/full', join(full, 'full.tar.part'));
  await expect(download(request({ url: `${base}/full.tar` }), context())).rejects.toMatchObject({ code: 'disk-full' });
});

test('published checksums are read from sha256sum output, a PGP frame around it, and a bare digest', () => {
  const digest = sha256('x');
  const text = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${digest}  linux-6.12.1.tar.xz\n${digest.toUpperCase()} *two.tar\n-----END PGP SIGNATURE-----\n`;
  expect([...parseChecksums(text)]).toEqual([
    ['linux-6.12.1.tar.xz', digest],
    ['two.tar', digest],
  ]);
  expect(parseChecksums(`${digest}\n`).get('')).toBe(digest);
});
