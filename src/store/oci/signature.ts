import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import * as z from 'zod';
import { sha256 } from '../../core/digest.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import { collect } from '../fetch/body.ts';
import { BUNDLE_TYPE, isSignedBy } from './bundle.ts';
import { CONFIG_TYPE, imageIndex, imageManifest } from './image.ts';
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

/**
 * Throws `signature-wrong` unless one of the image's signatures is by this key, of this digest: under cosign's own tag, or a bundle, as its version 3 makes them.
 * `pem` is a public key: cosign.pub.
 */
export async function requireSignature(registry: Registry, digest: string, pem: string): Promise<void> {
  const key = readKey(() => createPublicKey(pem));
  let hasOne = false;
  for await (const { mediaType, signature, text } of signatures(registry, digest)) {
    if (mediaType === BUNDLE_TYPE ? isSignedBy(text, key, digest) : isPayloadSignedBy({ signature, text }, key, digest))
      return;
    hasOne = true;
  }
  throw wrong(digest, hasOne ? 'none is by this key and of this content' : 'it has none');
}

interface Found {
  readonly mediaType: string;
  /** Beside a payload of cosign's own. */
  readonly signature: string | undefined;
  readonly text: string;
}

/** What an image has of signatures, whoever made them; the registry is asked for bundles only once those under cosign's tag are through. */
async function* signatures(registry: Registry, digest: string): AsyncGenerator<Found> {
  yield* signaturesIn(registry, tagOf(digest));
  const index = await registry.referrers(digest);
  const others = parseJson(index === undefined ? undefined : Buffer.from(index).toString('utf8'), imageIndex);
  for (const other of others?.manifests ?? [])
    if (other.artifactType === BUNDLE_TYPE) yield* signaturesIn(registry, other.digest);
}

/** Those in an image of signatures, by its tag or digest. */
async function* signaturesIn(registry: Registry, name: string): AsyncGenerator<Found> {
  const found = await registry.manifest(name);
  const text = found === undefined ? undefined : Buffer.from(found.bytes).toString('utf8');
  for (const layer of parseJson(text, imageManifest)?.layers ?? []) {
    if (![PAYLOAD_TYPE, BUNDLE_TYPE].includes(layer.mediaType) || layer.size > LONGEST_PAYLOAD) continue;
    const bytes = await collect(registry.blob(layer.digest), LONGEST_PAYLOAD, 'A signature');
    yield { mediaType: layer.mediaType, signature: layer.annotations[SIGNATURE], text: bytes.toString('utf8') };
  }
}

function isPayloadSignedBy({ signature, text }: Omit<Found, 'mediaType'>, key: KeyObject, digest: string): boolean {
  if (signature === undefined || !verify('sha256', Buffer.from(text), key, Buffer.from(signature, 'base64')))
    return false;
  return parseJson(text, payloadSchema)?.critical.image['docker-manifest-digest'] === digest;
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
