import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import * as z from 'zod';
import { sha256 } from '../../core/digest.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import { collect } from '../fetch/body.ts';
import { CONFIG_TYPE, imageManifest } from './image.ts';
import { MANIFEST_TYPE, type Registry } from './registry.ts';

/** cosign's signature of an image (sigstore/cosign, specs/SIGNATURE_SPEC.md): an image of its own, whose tag is the signed digest. */
const PAYLOAD_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const SIGNATURE = 'dev.cosignproject.cosign/signature';
const LONGEST_PAYLOAD = 64 * 1024;

const payloadSchema = z.object({
  critical: z.object({
    identity: z.object({ 'docker-reference': z.string() }),
    image: z.object({ 'docker-manifest-digest': z.string() }),
    type: z.literal('cosign container image signature'),
  }),
});

function tagOf(digest: string): string {
  return `${digest.replace(':', '-')}.sig`;
}

/** Signs an image that is there. `pem` is a private key on the curve P-256, as openssl writes it. Throws `bad-usage`. */
export async function signImage(registry: Registry, digest: string, pem: string): Promise<void> {
  const key = readKey(() => createPrivateKey(pem));
  const { host, repository } = registry.reference;
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': `${host}/${repository}` },
        image: { 'docker-manifest-digest': digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
  const payloadDigest = `sha256:${sha256(payload)}`;
  const config = Buffer.from(
    JSON.stringify({ architecture: '', os: '', config: {}, rootfs: { type: 'layers', diff_ids: [payloadDigest] } }),
  );
  const configDigest = `sha256:${sha256(config)}`;
  await registry.putBlob(payloadDigest, once(payload));
  await registry.putBlob(configDigest, once(config));
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: configDigest, size: config.length },
    layers: [
      {
        mediaType: PAYLOAD_TYPE,
        digest: payloadDigest,
        size: payload.length,
        annotations: { [SIGNATURE]: sign('sha256', payload, key).toString('base64') },
      },
    ],
  };
  await registry.putManifest(tagOf(digest), Buffer.from(JSON.stringify(manifest)));
}

/** Throws `signature-wrong` unless one of the image's signatures is by this key, of this digest. `pem` is a public key: cosign.pub. */
export async function requireSignature(registry: Registry, digest: string, pem: string): Promise<void> {
  const key = readKey(() => createPublicKey(pem));
  const found = await registry.manifest(tagOf(digest));
  const manifest = parseJson(
    found === undefined ? undefined : Buffer.from(found.bytes).toString('utf8'),
    imageManifest,
  );
  if (manifest === undefined) throw wrong(digest, 'it has none');
  for (const layer of manifest.layers) {
    const signature = layer.annotations[SIGNATURE];
    if (layer.mediaType !== PAYLOAD_TYPE || signature === undefined || layer.size > LONGEST_PAYLOAD) continue;
    const payload = await collect(registry.blob(layer.digest), LONGEST_PAYLOAD, 'A signature');
    if (!verify('sha256', payload, key, Buffer.from(signature, 'base64'))) continue;
    const said = parseJson(payload.toString('utf8'), payloadSchema);
    if (said?.critical.image['docker-manifest-digest'] === digest) return;
  }
  throw wrong(digest, 'none is by this key and of this content');
}

function wrong(digest: string, what: string): VmkitError {
  return new VmkitError('build', 'signature-wrong', `The signature of the image ${digest}: ${what}.`, {
    hint: 'Is it the key of who pushed it? Nothing of the image was kept.',
  });
}

function readKey(read: () => KeyObject): KeyObject {
  try {
    const key = read();
    if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
    throw new TypeError(`it is ${key.asymmetricKeyType ?? 'of no known type'}`);
  } catch (error) {
    throw new VmkitError('usage', 'bad-usage', `The key is none of ECDSA on P-256, as PEM: ${messageOf(error)}.`, {
      hint: 'openssl ecparam -name prime256v1 -genkey -noout -out key.pem; openssl ec -in key.pem -pubout -out cosign.pub. `cosign import-key-pair` takes it, too.',
      cause: error,
    });
  }
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
