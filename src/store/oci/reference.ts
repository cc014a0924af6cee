import { VmkitError } from '../../core/errors/errors.ts';

/** A repository of a registry, and a tag of it: `oci://HOST[:PORT]/REPO[:TAG]`. */
export interface OciReference {
  /** With its port, if it has one: as files of credentials name it. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
}

/** The grammar of the distribution specification, version 1.1 (pulling manifests). */
const REFERENCE =
  /^oci:\/\/([A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-f:]+\](?::\d{1,5})?)\/([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?$/;

/** Throws `bad-usage`. */
export function parseReference(text: string): OciReference {
  const [, host, repository, tag = 'latest'] = REFERENCE.exec(text) ?? [];
  if (host === undefined || repository === undefined) {
    throw new VmkitError('usage', 'bad-usage', `${text}: expected oci://HOST[:PORT]/REPOSITORY[:TAG], in lower case.`, {
      hint: 'For example oci://registry.example.org/team/sql:1',
    });
  }
  return { host, repository, tag };
}

/** Loopback has no certificate; docker and podman speak HTTP with it, too. */
export function baseUrl({ host, repository }: OciReference): string {
  const name = host.replace(/:\d+$/, '');
  const isHere = name === 'localhost' || name === '[::1]' || name.startsWith('127.');
  return `${isHere ? 'http' : 'https'}://${host}/v2/${repository}`;
}

export function referenceText({ host, repository, tag }: OciReference): string {
  return `oci://${host}/${repository}:${tag}`;
}
