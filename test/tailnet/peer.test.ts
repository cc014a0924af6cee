import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { localHost } from '../../src/host/local/local.ts';
import { questionTo } from '../../src/net/question.ts';
import { freePort } from '../../src/net/tcp.ts';
import { peerOnHost } from '../../src/tailnet/peer/peer-tailscale.ts';

/** A host whose `tailscale` says that it is in a tailnet, and a server by TLS whose certificate is good for `web.tailnet.test`. */
let folder: string;
let port: number;
const server = createServer({}, (_, response) => response.end('hello'));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmkit-peer-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const name = ['-subj', '/CN=web.tailnet.test', '-addext', 'subjectAltName=DNS:web.tailnet.test'];
  await execa('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '2',
    ...name,
  ]);
  server.setSecureContext({ key: await readFile(key), cert: await readFile(cert) });
  port = await freePort();
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
  vi.stubEnv('SSL_CERT_FILE', cert);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  server.close();
  await rm(folder, { recursive: true });
});

async function peer(isTun: boolean) {
  const status = JSON.stringify({ TUN: isTun, BackendState: 'Running', Self: { TailscaleIPs: ['100.64.0.9'] } });
  await writeFile(join(folder, 'tailscale'), `#!/bin/sh\necho '${status}'\n`);
  await chmod(join(folder, 'tailscale'), 0o755);
  return peerOnHost(localHost(), false, new AbortController().signal);
}

const dialOf = async (isTun: boolean, tlsName: string) =>
  (await peer(isTun)).dial({ address: '127.0.0.1', port }, { ...questionTo('http', tlsName), tlsName }, 5_000);

test('by TLS a host that routes the tailnet asks with a certificate that is good for the name', async () => {
  expect(await dialOf(true, 'web.tailnet.test')).toMatchObject({ result: 'data', status: 200 });
});

test('a certificate for another name is no answer, and is told', async () => {
  const { result, text } = await dialOf(true, 'else.tailnet.test');
  expect(result).not.toBe('data');
  expect(text).toMatch(/hostname mismatch|verif/i);
});

test('by userspace networking nobody can ask by TLS, which says nothing of the server', async () => {
  expect(await dialOf(false, 'web.tailnet.test')).toMatchObject({ isUnasked: true });
});
