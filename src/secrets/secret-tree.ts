import { GUEST, inTree } from '../core/guest-paths.ts';
import type { Tree, TreeEntry } from '../core/tree.ts';
import { holdsSecret, renderSecrets } from '../spec/secrets.ts';
import type { Service } from '../spec/service.ts';
import { SSH_AUTHORIZED_KEYS, SSH_HOST_KEY } from '../spec/services/ssh.ts';
import { uidOf } from '../spec/uid.ts';
import type { VmSpec } from '../spec/vm-spec.ts';

/** `SERVICE/NAME` → secret. */
export type SecretValues = ReadonlyMap<string, string>;

export interface BootSecrets {
  readonly secrets: SecretValues;
  /** The line of vmkit's own key. */
  readonly authorizedKey: string;
  /** The guest's host key in dropbear's format. */
  readonly hostKey: Uint8Array;
  /** Unix time in seconds, for a guest whose clock was never set. */
  readonly now: number;
}

/** What the secrets disk holds, with paths from the guest's root; stage 1 unpacks it over the root, into memory. */
export function secretTree(spec: VmSpec, boot: BootSecrets): Tree {
  return [
    // Users must reach their own files; nobody but root may list them.
    { kind: 'directory', path: inTree(GUEST.secrets), mode: 0o711 },
    { kind: 'file', path: inTree(`${GUEST.own}/now`), mode: 0o400, content: `${boot.now}\n` },
    { kind: 'directory', path: inTree(`${GUEST.secrets}/ssh`), mode: 0o700 },
    { kind: 'file', path: SSH_HOST_KEY.slice(1), mode: 0o400, content: boot.hostKey },
    { kind: 'directory', path: 'root', mode: 0o700 },
    { kind: 'directory', path: 'root/.ssh', mode: 0o700 },
    { kind: 'file', path: SSH_AUTHORIZED_KEYS.slice(1), mode: 0o600, content: `${boot.authorizedKey}\n` },
    ...spec.services.flatMap((service) => secretsOf(service, boot.secrets)),
  ];
}

function secretsOf(service: Service, values: SecretValues): Tree {
  const id = uidOf(service.user);
  const secretOf = (name: string): string => {
    const value = values.get(`${service.name}/${name}`);
    if (value === undefined) throw new TypeError(`No secret ${service.name}/${name}.`);
    return value;
  };
  const inGuest = service.secrets.filter(({ isHostOnly }) => isHostOnly !== true);
  const directory: Tree =
    inGuest.length === 0
      ? []
      : [{ kind: 'directory', path: inTree(`${GUEST.secrets}/${service.name}`), mode: 0o500, uid: id, gid: id }];
  return [
    ...directory,
    ...inGuest.map(
      ({ name }): TreeEntry => ({
        kind: 'file',
        path: inTree(`${GUEST.secrets}/${service.name}/${name}`),
        mode: 0o400,
        uid: id,
        gid: id,
        content: secretOf(name),
      }),
    ),
    ...service.files
      .filter(({ content }) => holdsSecret(content))
      .map(({ path, mode, owner, content }): TreeEntry => {
        const ownerId = uidOf(owner);
        const text = renderSecrets(content, secretOf);
        return { kind: 'file', path: path.slice(1), mode, uid: ownerId, gid: ownerId, content: text };
      }),
  ];
}
