import { type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';
import { parseJson } from '../../core/text/json.ts';

/**
 * A Sigstore bundle, as cosign writes signatures since version 3 (sigstore/protobuf-specs, sigstore_bundle.proto; sigstore/cosign, specs/BUNDLE_SPEC.md): an image
 * that refers to the signed one, whose layer is this JSON. By a key: a signed statement (DSSE, secure-systems-lab/dsse; in-toto/attestation, Statement v1).
 */
export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
/** The statement that is a signature; others say something about an image. */
const SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';

const bundle = z.object({
  mediaType: z.literal(BUNDLE_TYPE),
  dsseEnvelope: z.object({
    payload: z.string(),
    payloadType: z.literal(PAYLOAD_TYPE),
    signatures: z.array(z.object({ sig: z.string() })),
  }),
});
const statement = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  predicateType: z.literal(SIGNATURE),
  subject: z.array(z.object({ digest: z.object({ sha256: z.string() }) })),
});

/** Whether a bundle is a signature by this key of the image with this digest, `sha256:` before it. */
export function isSignedBy(text: string, key: KeyObject, digest: string): boolean {
  const envelope = parseJson(text, bundle)?.dsseEnvelope;
  if (envelope === undefined) return false;
  const payload = Buffer.from(envelope.payload, 'base64');
  // DSSE's pre-authentication encoding.
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `),
    payload,
  ]);
  if (!envelope.signatures.some(({ sig }) => verify('sha256', signed, key, Buffer.from(sig, 'base64')))) return false;
  const said = parseJson(payload.toString('utf8'), statement);
  return said?.subject.some((each) => `sha256:${each.digest.sha256}` === digest) === true;
}
