import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { localHost } from '../../src/host/local/local.ts';
import type { Artifact, Built } from '../../src/store/artifact.ts';
import { readCredentials } from '../../src/store/oci/credentials.ts';
import { layersOf, publish } from '../../src/store/oci/publish.ts';
import { findImage } from '../../src/store/oci/receive.ts';
import { parseReference } from '../../src/store/oci/reference.ts';
import { openRegistry } from '../../src/store/oci/registry.ts';
import { requireSignature, signImage } from '../../src/store/oci/signature.ts';
import { pullArtifact } from '../../src/store/pull-artifact.ts';
import { ensureArtifact } from '../../src/store/store.ts';
import { contextIn } from '../support/context.ts';
import { artifactOf, pushArtifact } from '../support/services/pushed-artifact.ts';
import { serveHttp } from '../support/stand-ins/http-server.ts';
import { startRegistry } from '../support/stand-ins/registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const REGISTRY = `/tmp/vmkit-registry-${process.pid}`;
let registry: Awaited<ReturnType<typeof startRegistry>>;
beforeAll(async () => {
  registry = await startRegistry(REGISTRY);
});
afterAll(async () => {
  registry.end();
  await localHost().remove(REGISTRY);
});
afterEach(() => vi.unstubAllEnvs());

async function built(artifact: Artifact): Promise<Built> {
  return ensureArtifact(artifact, contextIn(await temporaryFolder()));
}

const pushed = (artifact: Artifact, repository: string): ReturnType<typeof pushArtifact> =>
  pushArtifact(registry.host, artifact, repository);

/** What a store holds, whole or not. */
async function inStore(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'cache', 'store')).catch(() => []);
  return names.filter((name) => name !== 'locks');
}

test('a store takes from the registry what it would have to build', async () => {
  const artifact = artifactOf('root', 'a'.repeat(3_000_000));
  const { image } = await pushed(artifact, 'team/shared');
  const inputs = image.manifest.layers.flatMap(({ annotations }) => annotations['dev.vmkit.inputs'] ?? []);
  expect(inputs.map((text): unknown => JSON.parse(text))).toEqual([artifact.inputs]);
  vi.stubEnv('VMKIT_STORE', `oci://${registry.host}/team/shared`);
  const folder = await temporaryFolder();
  const build = vi.fn(artifact.build);
  const got = await ensureArtifact({ ...artifact, build }, contextIn(folder));
  expect(build).not.toHaveBeenCalled();
  expect(await readFile(join(got.directory, 'root.img'), 'utf8')).toBe('a'.repeat(3_000_000));
  expect(await readFile(join(got.directory, 'stage1-modules/00-a.ko'), 'utf8')).toBe('module');
});

test('what the registry does not have is built; so is all where it does not answer, and that is said', async () => {
  vi.stubEnv('VMKIT_STORE', `oci://${registry.host}/team/empty`);
  expect((await built(artifactOf('root', 'only here'))).cached).toBe(false);
  vi.stubEnv('VMKIT_STORE', 'oci://127.0.0.1:9/team/none');
  const context = contextIn(await temporaryFolder());
  expect((await ensureArtifact(artifactOf('root', 'alone'), context)).cached).toBe(false);
  expect(context.progress.filter(({ kind }) => kind === 'note')).toEqual([
    { kind: 'note', text: expect.stringContaining('is built here') },
  ]);
});

test('what is there already is not sent again', async () => {
  const context = contextIn(await temporaryFolder());
  const one = openRegistry(parseReference(`oci://${registry.host}/team/twice`), context);
  const layers = await layersOf(await built(artifactOf('root', 'b'.repeat(2_000_000))));
  const first = await publish(one, layers, { tag: 'one', arch: 'amd64', annotations: {} }, context);
  const second = await publish(one, layers, { tag: 'two', arch: 'amd64', annotations: { other: 'yes' } }, context);
  expect(first.sentBytes).toBe(first.bytes);
  expect(second.sentBytes).toBeLessThan(first.bytes * 0.05);
});

test('a blob that was changed is refused, and nothing of it is kept', async () => {
  const artifact = artifactOf('root', 'c'.repeat(100_000));
  const { one, image, name } = await pushed(artifact, 'team/changed');
  for (const { digest } of image.manifest.layers) {
    const hex = digest.slice('sha256:'.length);
    const file = join(REGISTRY, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    const bytes = await readFile(file);
    bytes[600] = (bytes[600] ?? 0) ^ 1;
    await writeFile(file, bytes);
  }
  const folder = await temporaryFolder();
  await expect(pullArtifact(one, image, name, contextIn(folder))).rejects.toMatchObject({
    code: 'registry-content-wrong',
  });
  expect(await inStore(folder)).toEqual([]);
});

test('an image is taken with a signature by the key that is asked for, and with no other', async () => {
  const { one, image } = await pushed(artifactOf('root', 'signed'), 'team/signed');
  const keys = (): { public: string; private: string } => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return {
      public: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      private: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  };
  const own = keys();
  await expect(requireSignature(one, image.digest, own.public)).rejects.toMatchObject({ code: 'signature-wrong' });
  await signImage(one, image.digest, own.private);
  await requireSignature(one, image.digest, own.public);
  await expect(requireSignature(one, image.digest, keys().public)).rejects.toMatchObject({ code: 'signature-wrong' });
  // A signature of another image under this one's tag.
  const other = await pushed(artifactOf('root', 'other'), 'team/signed');
  const signature = await one.manifest(`${image.digest.replace(':', '-')}.sig`);
  await one.putManifest(`${other.image.digest.replace(':', '-')}.sig`, signature?.bytes ?? new Uint8Array());
  await expect(requireSignature(one, other.image.digest, own.public)).rejects.toMatchObject({
    code: 'signature-wrong',
  });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
  await expect(requireSignature(one, image.digest, rsa.toString())).rejects.toMatchObject({ code: 'bad-usage' });
});

/** Made by skopeo 1.18.0 (containers/image 5.34.2), which writes and reads what cosign does: generate-sigstore-key, copy --sign-by-sigstore-private-key. */
test('a signature that another program made is taken, for what it signed alone', async () => {
  const fixture = (name: string): Promise<Buffer> =>
    readFile(join(import.meta.dirname, 'fixtures', 'containers-image-signature', name));
  const digest = 'sha256:df333f6d93629430a0d99ac607f0df25207f76f260671c32f74b17d555622d61';
  const [manifest, payload, key] = await Promise.all(['manifest.json', 'payload', 'key.pub'].map(fixture));
  const url = await serveHttp((request, response) => {
    response.end(request.url?.includes('/blobs/') === true ? payload : manifest);
  });
  const one = openRegistry(parseReference(`oci://${new URL(url).host}/t/other`), contextIn(await temporaryFolder()));
  await requireSignature(one, digest, String(key));
  await expect(requireSignature(one, digest.replace('df33', 'df34'), String(key))).rejects.toMatchObject({
    code: 'signature-wrong',
  });
});

/** Made by cosign 3.1.3: sign --key cosign.key --use-signing-config=false --tlog-upload=false. */
test('a bundle of cosign 3 is taken, for what it signed alone, and by its key alone', async () => {
  const fixture = (name: string): Promise<Buffer> =>
    readFile(join(import.meta.dirname, 'fixtures', 'cosign-bundle', name));
  const digest = 'sha256:3b1246f10f83e98866a39a52e1e6556a12154316206b09c3ee46511dc3f2210a';
  const [index, manifest, bundle, key] = await Promise.all(['index', 'manifest', 'bundle', 'key.pub'].map(fixture));
  const signs = async (of: string, by: string, text = String(bundle)): Promise<void> => {
    const url = await serveHttp(({ url: path = '' }, response) => {
      if (path.includes('/blobs/')) response.end(text);
      else if (path.includes('/referrers/') || path.endsWith('.sig')) response.writeHead(404).end();
      // The tag that a registry without that list has in its place.
      else response.end(path.endsWith(of.replace(':', '-')) ? index : manifest);
    });
    const one = openRegistry(parseReference(`oci://${new URL(url).host}/t/x`), contextIn(await temporaryFolder()));
    await requireSignature(one, of, by);
  };
  await signs(digest, String(key));
  const refused = { code: 'signature-wrong' };
  await expect(signs(digest.replace('3b12', '3b13'), String(key))).rejects.toMatchObject(refused);
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' });
  await expect(signs(digest, String(other))).rejects.toMatchObject(refused);
  // A statement that is no signature: its words are signed, too.
  const attested = String(bundle).replace(/"payload":"[^"]*"/, (text) =>
    text.replace(/"payload":"(.*)"/, (_, payload: string) => {
      const said = Buffer.from(payload, 'base64').toString('utf8').replace('cosign/sign/v1', 'cosign/seen/v1');
      return `"payload":"${Buffer.from(said).toString('base64')}"`;
    }),
  );
  await expect(signs(digest, String(key), attested)).rejects.toMatchObject(refused);
});

test('a store that asks for a signature refuses an artifact without', async () => {
  const artifact = artifactOf('root', 'unsigned');
  await pushed(artifact, 'team/unsigned');
  const folder = await temporaryFolder();
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' });
  await writeFile(join(folder, 'cosign.pub'), key);
  vi.stubEnv('VMKIT_STORE', `oci://${registry.host}/team/unsigned`);
  vi.stubEnv('VMKIT_STORE_KEY', join(folder, 'cosign.pub'));
  await expect(ensureArtifact(artifact, contextIn(folder))).rejects.toMatchObject({ code: 'signature-wrong' });
});

test.skipIf(process.getuid?.() !== 0)('a full disk is told, and nothing is left of what did not fit', async () => {
  const { one, image, name } = await pushed(artifactOf('root', 'd'.repeat(5_000_000)), 'team/full');
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'cache'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'small', join(folder, 'cache')]);
  onTestFinished(() => void execFileSync('umount', [join(folder, 'cache')]));
  await expect(pullArtifact(one, image, name, contextIn(folder))).rejects.toMatchObject({ code: 'disk-full' });
  expect(await inStore(folder)).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)('a registry whose disk is full has no tag of what did not fit', async () => {
  const folder = await temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'small', folder]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
  const small = await startRegistry(folder);
  onTestFinished(small.end);
  const context = contextIn(await temporaryFolder());
  const one = openRegistry(parseReference(`oci://${small.host}/team/full`), context);
  const layers = await layersOf(await built(artifactOf('root', 'g'.repeat(5_000_000))));
  const pushing = publish(one, layers, { tag: 'one', arch: 'amd64', annotations: {} }, context);
  await expect(pushing).rejects.toMatchObject({ code: 'registry-failed' });
  expect(await findImage(one, 'one')).toBeUndefined();
});

test('a blob that is known to be there is not asked for twice', async () => {
  const context = contextIn(await temporaryFolder());
  const layers = await layersOf(await built(artifactOf('root', 'h'.repeat(1000))));
  const asked: string[] = [];
  const url = await serveHttp((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(request.method === 'HEAD' ? 200 : 201).end();
  });
  const one = openRegistry(parseReference(`oci://${new URL(url).host}/team/known`), context);
  for (const tag of ['one', 'two']) await publish(one, layers, { tag, arch: 'amd64', annotations: {} }, context);
  const heads = asked.filter((line) => line.startsWith('HEAD'));
  expect(heads.length).toBe(new Set(heads).size);
});

/** The registry behind a server that lets `break` do something in the middle of each large blob. */
async function behind(repository: string, then: 'cut' | 'hang'): Promise<string> {
  const url = await serveHttp((request, response) => {
    void (async () => {
      const answer = await fetch(`http://${registry.host}${request.url}`, {
        headers: { accept: request.headers.accept ?? '*/*' },
      });
      const bytes = Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, { 'content-length': bytes.length });
      if (bytes.length < 100_000) return response.end(bytes);
      response.write(bytes.subarray(0, 50_000));
      if (then === 'cut') setImmediate(() => response.destroy());
      return undefined;
    })();
  });
  return `oci://${new URL(url).host}/${repository}`;
}

test('a connection that is cut in the middle of a blob leaves nothing', async () => {
  const { name } = await pushed(artifactOf('root', 'e'.repeat(500_000)), 'team/cut');
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const one = openRegistry(parseReference(await behind('team/cut', 'cut')), context);
  const image = await findImage(one, name);
  if (image === undefined) throw new Error('No image.');
  await expect(pullArtifact(one, image, name, context)).rejects.toMatchObject({ code: 'registry-unreachable' });
  expect(await inStore(folder)).toEqual([]);
});

test('Ctrl-C in the middle of a blob leaves nothing', async () => {
  const { name } = await pushed(artifactOf('root', 'f'.repeat(500_000)), 'team/hang');
  const folder = await temporaryFolder();
  const stop = new AbortController();
  const context = contextIn(folder, stop.signal);
  const one = openRegistry(parseReference(await behind('team/hang', 'hang')), context);
  const image = await findImage(one, name);
  if (image === undefined) throw new Error('No image.');
  const pulling = pullArtifact(one, image, name, context);
  const begun = vi.waitFor(async () => expect(await inStore(folder)).not.toEqual([]), { timeout: 30_000 });
  await Promise.race([begun, pulling]);
  stop.abort();
  await expect(pulling).rejects.toThrow();
  expect(await inStore(folder)).toEqual([]);
});

test.each(['oci://host', 'host/repo', 'oci://host/Repo', 'oci://host/repo:', 'oci://host/../x', 'https://host/repo'])(
  '%s is no image',
  (text) => expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'bad-usage' })),
);

test('credentials are read where podman and docker keep them, and asked of their helpers', async () => {
  const folder = await temporaryFolder();
  const env = { HOME: folder, XDG_CONFIG_HOME: join(folder, 'c') };
  const host = localHost();
  expect(await readCredentials('r.test', 'team/a', host, env)).toBeUndefined();
  const auth = (login: string): { auth: string } => ({ auth: Buffer.from(login).toString('base64') });
  await host.write(join(folder, '.docker/config.json'), JSON.stringify({ auths: { 'r.test': auth('docker:1:2') } }));
  expect(await readCredentials('r.test', 'team/a', host, env)).toEqual({ user: 'docker', password: '1:2' });
  const podman = { auths: { 'r.test': auth('all:1'), 'r.test/team': auth('team:2') } };
  await host.write(join(folder, 'c/containers/auth.json'), JSON.stringify(podman));
  expect(await readCredentials('r.test', 'team/a', host, env)).toEqual({ user: 'team', password: '2' });
  expect(await readCredentials('r.test', 'else/a', host, env)).toEqual({ user: 'all', password: '1' });
  const helper = `#!/bin/sh\nread -r name\n[ "$name" = r.test ] || { echo 'credentials not found in native keychain'; exit 1; }\necho '{"Username":"helped","Secret":"3"}'\n`;
  await host.write(join(folder, 'bin/docker-credential-own'), helper, 0o755);
  vi.stubEnv('PATH', `${folder}/bin:${process.env['PATH']}`);
  const file = join(folder, 'auth.json');
  await host.write(file, JSON.stringify({ credsStore: 'own' }));
  const given = { ...env, REGISTRY_AUTH_FILE: file };
  expect(await readCredentials('r.test', 'a', host, given)).toEqual({ user: 'helped', password: '3' });
  expect(await readCredentials('other.test', 'a', host, given)).toBeUndefined();
  await host.write(file, JSON.stringify({ credHelpers: { 'r.test': '../own' } }));
  await expect(readCredentials('r.test', 'a', host, given)).rejects.toMatchObject({ code: 'registry-login' });
});

test('a registry that asks for a token gets the login at its own service alone', async () => {
  const folder = await temporaryFolder();
  const seen: string[] = [];
  const url = await serveHttp((request, response) => {
    seen.push(`${request.url?.split('?')[0]} ${request.headers.authorization ?? ''}`);
    if (request.url?.startsWith('/token') === true) return response.end(JSON.stringify({ token: 't0ken' }));
    if (request.headers.authorization === 'Bearer t0ken') return response.writeHead(404).end();
    const realm = `http://${request.headers.host}/token`;
    return response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="it"` }).end();
  });
  const { host } = new URL(url);
  const auth = Buffer.from('me:secret').toString('base64');
  await writeFile(join(folder, 'auth.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  vi.stubEnv('REGISTRY_AUTH_FILE', join(folder, 'auth.json'));
  const one = openRegistry(parseReference(`oci://${host}/team/a`), contextIn(folder));
  expect(await one.manifest('latest')).toBeUndefined();
  expect(seen).toEqual([
    '/v2/team/a/manifests/latest ',
    `/token Basic ${auth}`,
    '/v2/team/a/manifests/latest Bearer t0ken',
  ]);
});
