import * as z from 'zod';
import { sha256 } from '../../core/digest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { chunksOf, collect, inChunks } from '../fetch/body.ts';
import { reasonOf } from '../fetch/http.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import { baseUrl, type OciReference, referenceText } from './reference.ts';

/** Milliseconds until an answer begins. A registry may hash a whole blob before it answers to its end. */
const ANSWER_MS = 60_000;
export const STALL_MS = 30_000;
const LONGEST_MANIFEST = 4 * 1024 * 1024;
const CHUNK_BYTES = 16 * 1024 * 1024;

const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** One repository of a registry, by the distribution specification 1.1. Throws `registry-unreachable`, `registry-login`, `registry-failed`. */
export interface Registry {
  readonly reference: OciReference;
  /** The manifest's bytes, whose digest is the image's; undefined where there is no such tag. Throws `registry-content-wrong`. */
  manifest(tag: string): Promise<{ readonly bytes: Uint8Array; readonly digest: string } | undefined>;
  /** The bytes of an index of the images that refer to this one; undefined where none does. */
  referrers(digest: string): Promise<Uint8Array | undefined>;
  putManifest(tag: string, bytes: Uint8Array): Promise<void>;
  /** Asked once of each blob that is there. */
  hasBlob(digest: string): Promise<boolean>;
  /** The bytes as they come, not compared with the digest, until `signal` ends it. */
  blob(digest: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  putBlob(digest: string, content: AsyncIterable<Uint8Array>): Promise<void>;
}

const tokenAnswer = z.object({ token: z.string().optional(), access_token: z.string().optional() });

interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

export function openRegistry(reference: OciReference, { host, signal }: Pick<Context, 'host' | 'signal'>): Registry {
  const base = baseUrl(reference);
  let authorization: string | undefined;
  let isAsked = false;
  const there = new Set<string>();

  const once = async (
    url: string,
    { method = 'GET', headers = {}, body, signal: own = signal }: Call,
  ): Promise<Response> => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ANSWER_MS);
    try {
      return await fetch(url, {
        method,
        headers: {
          'user-agent': 'vmkit',
          ...headers,
          // A blob may be elsewhere: the login is for the registry alone.
          ...(authorization === undefined || new URL(url).host !== new URL(base).host ? {} : { authorization }),
        },
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
        signal: AbortSignal.any([signal, own, late.signal]),
      });
    } catch (error) {
      if (signal.aborted || own.aborted) throw error;
      const reason = late.signal.aborted ? `no answer within ${ANSWER_MS / 1000} s` : reasonOf(error);
      throw unreachable(reference, reason, error);
    } finally {
      clearTimeout(timer);
    }
  };

  const call = async (url: string, request: Call, accepted: readonly number[]): Promise<Response> => {
    let response = await once(url, request);
    if (response.status === 401 && !isAsked) {
      isAsked = true;
      await response.body?.cancel();
      authorization = await authorize(response.headers.get('www-authenticate') ?? '', reference, host, once);
      response = await once(url, request);
    }
    if (accepted.includes(response.status)) return response;
    const said = (await response.text().catch(() => '')).slice(0, 300);
    throw refused(reference, request.method ?? 'GET', response.status, said);
  };

  /** A manifest or an index, with the digest that the registry says it has; undefined for what it answers with `absent`. */
  const find = async (
    path: string,
    accept: string,
    absent: readonly number[] = [404],
  ): Promise<{ readonly bytes: Uint8Array; readonly said: string | null } | undefined> => {
    const response = await call(`${base}/${path}`, { headers: { accept } }, [200, ...absent]);
    if (response.status !== 200) {
      await response.body?.cancel();
      return undefined;
    }
    const bytes = await collect(chunksOf(response, STALL_MS), LONGEST_MANIFEST, 'A manifest of a registry');
    return { bytes, said: response.headers.get('docker-content-digest') };
  };

  return {
    reference,
    manifest: async (tag) => {
      const found = await find(`manifests/${tag}`, MANIFEST_TYPE);
      if (found === undefined) return undefined;
      const digest = `sha256:${sha256(found.bytes)}`;
      if (found.said !== null && found.said !== digest)
        throw wrongContent(reference, `the manifest ${tag}`, found.said, digest);
      return { bytes: found.bytes, digest };
    },
    referrers: async (digest) => {
      // A registry before version 1.1 has a tag in its place, and may refuse to hear of the list.
      const found =
        (await find(`referrers/${digest}`, INDEX_TYPE, [400, 404, 405])) ??
        (await find(`manifests/${digest.replace(':', '-')}`, INDEX_TYPE, [400, 404, 405]));
      return found?.bytes;
    },
    putManifest: async (tag, bytes) => {
      const headers = { 'content-type': MANIFEST_TYPE };
      await drain(await call(`${base}/manifests/${tag}`, { method: 'PUT', headers, body: bytes }, [201]));
    },
    hasBlob: async (digest) => {
      if (there.has(digest)) return true;
      const response = await call(`${base}/blobs/${digest}`, { method: 'HEAD' }, [200, 404]);
      if (response.status === 200) there.add(digest);
      return response.status === 200;
    },
    blob: async function* (digest, own) {
      yield* chunksOf(await call(`${base}/blobs/${digest}`, { signal: own }, [200]), STALL_MS);
    },
    putBlob: async (digest, content) => {
      const started = await call(`${base}/blobs/uploads/`, { method: 'POST' }, [202]);
      await drain(started);
      let place = locationOf(started, base, reference);
      let sent = 0;
      for await (const chunk of inChunks(content, CHUNK_BYTES)) {
        const headers = {
          'content-type': 'application/octet-stream',
          'content-range': `${sent}-${sent + chunk.length - 1}`,
        };
        const response = await call(place, { method: 'PATCH', headers, body: chunk }, [202]);
        await drain(response);
        place = locationOf(response, base, reference);
        sent += chunk.length;
      }
      const end = new URL(place);
      end.searchParams.set('digest', digest);
      await drain(await call(end.href, { method: 'PUT' }, [201]));
      there.add(digest);
    },
  };
}

function locationOf(response: Response, base: string, reference: OciReference): string {
  const location = response.headers.get('location');
  if (location === null) throw refused(reference, 'POST', response.status, 'it names no place for the upload');
  return new URL(location, base).href;
}

/** The authorization that the registry asks for: Basic, or a token of its own service (distribution's spec/auth/token.md). */
async function authorize(
  challenge: string,
  reference: OciReference,
  host: Context['host'],
  ask: (url: string, call: Call) => Promise<Response>,
): Promise<string | undefined> {
  const login = await readCredentials(reference.host, reference.repository, host);
  if (/^basic/i.test(challenge)) return login === undefined ? undefined : basic(login);
  const part = (name: string): string | undefined => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  const realm = part('realm');
  if (!/^bearer/i.test(challenge) || realm === undefined) return undefined;
  const url = new URL(realm);
  const service = part('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', `repository:${reference.repository}:pull,push`);
  const response = await ask(url.href, { headers: login === undefined ? {} : { authorization: basic(login) } });
  const answer = response.ok ? parseJson(await response.text(), tokenAnswer) : undefined;
  const token = answer?.token ?? answer?.access_token;
  return token === undefined ? undefined : `Bearer ${token}`;
}

function basic({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function drain(response: Response): Promise<void> {
  await response.body?.cancel();
}

function refused(reference: OciReference, method: string, status: number, said: string): VmkitError {
  const { host } = reference;
  if (status === 401 || status === 403) {
    return new VmkitError(
      'host',
      'registry-login',
      `${referenceText(reference)}: the registry refuses ${method} (${status}).`,
      {
        hint: `podman login ${host}, or docker login ${host}: vmkit reads what they keep.`,
      },
    );
  }
  return new VmkitError(
    'host',
    'registry-failed',
    `${referenceText(reference)}: ${method} was answered ${status}. ${said}`,
    {
      hint: "Nothing has the tag that was not whole before. Try again; the registry's own log says more.",
    },
  );
}

export function unreachable(reference: OciReference, reason: string, cause: unknown): VmkitError {
  return new VmkitError('host', 'registry-unreachable', `${referenceText(reference)}: ${reason}.`, {
    hint: `Does it run, and is there a way to it? Try: curl -fI ${new URL('/v2/', baseUrl(reference))}`,
    cause,
  });
}

export function wrongContent(reference: OciReference, what: string, expected: string, found: string): VmkitError {
  return new VmkitError(
    'build',
    'registry-content-wrong',
    `${referenceText(reference)}: ${what} is not what its digest says. Nothing of it was kept.`,
    { hint: 'Try again; if it stays so, the registry or a proxy changes it.', details: { expected, found } },
  );
}
