import { readFile } from 'node:fs/promises';
import { messageOf, VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { findImage, receiveArtifact } from './oci/receive.ts';
import { parseReference } from './oci/reference.ts';
import { openRegistry } from './oci/registry.ts';
import { requireSignature } from './oci/signature.ts';
import { storeDir } from './places.ts';

/**
 * Asks the repository that the variable VMKIT_STORE names for an artifact by its folder's name, `KIND-KEY`, and puts it into the store; its lock is held. False where
 * there is none, or no such repository is named or answers: then it is built. With VMKIT_STORE_KEY, the path of a public key, what has no signature by it is refused.
 */
export async function fetchArtifact(name: string, title: string, context: Context): Promise<boolean> {
  const url = process.env['VMKIT_STORE'] ?? '';
  if (url === '') return false;
  const registry = openRegistry(parseReference(url), context);
  try {
    const image = await findImage(registry, name);
    if (image === undefined) return false;
    const key = process.env['VMKIT_STORE_KEY'] ?? '';
    if (key !== '') await requireSignature(registry, image.digest, await readFile(key, 'utf8'));
    context.report({ kind: 'phase', text: `pulls ${title} from ${url}` });
    await receiveArtifact(registry, image, name, storeDir(context), context);
    return true;
  } catch (error) {
    if (!(error instanceof VmkitError && error.code === 'registry-unreachable')) throw error;
    context.report({ kind: 'note', text: `${messageOf(error)} ${title} is built here.` });
    return false;
  }
}
