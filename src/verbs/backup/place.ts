import * as z from 'zod';
import { archive } from '../../backup/archive.ts';
import type { Repository } from '../../backup/repository.ts';
import { openRepository } from '../../backup/restic/open-repository.ts';
import { resticRepository } from '../../backup/restic/restic-repository.ts';
import { keepServerPassword, withServerPassword } from '../../backup/restic/server-password.ts';
import { parseTarget, type Target } from '../../backup/target.ts';
import { backupPaths, type MachinePaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import { readSecret } from '../../host/read-secret.ts';
import { requireTools } from '../../host/tools/tools.ts';
import type { VerbContext } from '../step.ts';

/** The password of a repository that another computer made. */
const PASSWORD = 'VMKIT_BACKUP_PASSWORD';
/** That of the user of a server. */
const SERVER_PASSWORD = 'VMKIT_REST_PASSWORD';

const rememberedSchema = z.object({ to: z.string() });

/** The place that is named; else the one that the machine's last backup went to; else a repository of this user. */
export async function backupTarget(
  named: string | undefined,
  paths: Pick<MachinePaths, 'backupFile'> | undefined,
  context: VerbContext,
): Promise<Target> {
  if (named !== undefined) return parseTarget(named, process.cwd());
  const text = paths === undefined ? undefined : await context.host.readOurs(paths.backupFile);
  const remembered = parseJson(text, rememberedSchema);
  return parseTarget(remembered?.to ?? backupPaths(context.paths).repository, '/');
}

export async function rememberTarget(
  { url }: Target,
  { backupFile }: MachinePaths,
  context: VerbContext,
): Promise<void> {
  await context.host.write(backupFile, `${JSON.stringify({ to: url })}\n`, 0o600);
}

/** Opens the place, and makes it where `mayMake` says so. */
export async function openPlace(target: Target, mayMake: boolean, context: VerbContext): Promise<Repository> {
  if (target.kind === 'archive') {
    await requireTools(['archive'], context);
    return archive(target.url);
  }
  await requireTools(['backup'], context);
  const given = await readSecret(PASSWORD, context.builder.host);
  const server = await withServerPassword(target, await readSecret(SERVER_PASSWORD, context.builder.host), context);
  const place = await openRepository(server, { mayMake, given, ask: context.askSecret }, context);
  await keepServerPassword(server, context);
  return resticRepository(place);
}
