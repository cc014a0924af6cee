import { VmkitError } from '../../core/errors/errors.ts';
import { requireClosed } from '../../host/read-secret.ts';
import { buildContext, type VerbContext } from '../step.ts';

/** A key of this computer, as PEM. Throws `secret-not-given`, and for a private one that others can read `secret-file-open`. */
export async function readKeyFile(path: string, isPrivate: boolean, verb: VerbContext): Promise<string> {
  const { host } = buildContext(verb);
  const bytes = await host.read(path);
  if (bytes === undefined) throw new VmkitError('usage', 'secret-not-given', `There is no key ${path}.`);
  if (isPrivate) await requireClosed(path, path, host);
  return Buffer.from(bytes).toString('utf8');
}
