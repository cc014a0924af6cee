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
