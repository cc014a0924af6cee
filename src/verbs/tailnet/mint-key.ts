import { VmkitError } from '../../core/errors/errors.ts';
import { readSecret } from '../../host/read-secret.ts';
import type { TailnetNode } from '../../spec/service.ts';
import { findControlOf } from '../../tailnet/control/choose-control.ts';
import type { VerbContext } from '../step.ts';

/** In seconds. A first boot may build a kernel between the key and the login. */
const BOOT_EXPIRY = 3_600;
const PROBE_EXPIRY = 600;

/**
 * An auth key for one node, made where the environment has credentials for its control server; undefined where it has none. Says so. Throws why the server refused.
 */
export async function mintKeyFor(
  node: Pick<TailnetNode, 'loginServer' | 'tags'>,
  use: 'boot' | 'probe' | 'join',
  context: VerbContext,
  isEphemeral: boolean = use === 'probe',
): Promise<string | undefined> {
  const control = await findControlOf(node.loginServer, context.builder.host, context.signal);
  if (control === undefined) return undefined;
  const expirySeconds = use === 'boot' ? BOOT_EXPIRY : PROBE_EXPIRY;
  const { key } = await control.mintKey({
    isReusable: false,
    isEphemeral,
    isPreauthorized: true,
    tags: node.tags,
    expirySeconds,
    description: `made by vmkit ${use === 'join' ? 'tailnet join' : use}`,
  });
  const text = `Auth key made by ${control.title}: for one node, within ${expirySeconds / 60} minutes`;
  context.report({ kind: 'note', text });
  return key;
}

/** A key for a node of this computer: given, made, or asked for. Throws `secret-not-given`. */
export async function requireKey(
  loginServer: string | undefined,
  isEphemeral: boolean,
  context: VerbContext,
): Promise<string> {
  const key =
    (await readSecret('TS_AUTHKEY', context.builder.host)) ??
    (await mintKeyFor({ loginServer, tags: [] }, 'join', context, isEphemeral)) ??
    (await context.askSecret('auth key of the tailnet'));
  if (key !== undefined) return key;
  throw new VmkitError('usage', 'secret-not-given', 'A node joins the tailnet by an auth key, and none was given.', {
    hint: 'TS_AUTHKEY=file:PATH vmkit tailnet …; or credentials for the control server: docs/tailnet.md',
  });
}
