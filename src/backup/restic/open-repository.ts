import { join } from 'node:path';
import { sha256 } from '../../core/digest.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { backupPaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { generateSecret } from '../../spec/secrets.ts';
import type { ResticTarget } from '../target.ts';
import { isNoRepository, isWrongPassword, type ResticPlace, resticFailed, runRestic, tryRestic } from './run-restic.ts';

interface Opening {
  /** Whether one is made where there is none. */
  readonly mayMake: boolean;
  /** The password that a person gave. */
  readonly given: string | undefined;
  /** Asks for the password of a repository that is there. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/**
 * A repository with a password that opens it, in a file of its own beside the machines (0600). One that is not there is made, with a new password, which is on the
 * disk before. Throws `backup-missing`, `backup-password-wrong`, `backup-target-failed`.
 */
export async function openRepository(
  target: ResticPlace['target'],
  { mayMake, given, ask }: Opening,
  context: Context,
): Promise<ResticPlace> {
  const { host } = context;
  const passwordFile = passwordFileOf(target, context);
  const known: ResticPlace = { target, passwordFile };
  const isKnown = (await host.readOurs(passwordFile)) !== undefined;
  if (isKnown && given === undefined) {
    const there = await lookAt(known, context);
    if (there === 'opens') return known;
    if (there === 'none') return make(known, mayMake, context);
  }
  const tried: ResticPlace = { target, passwordFile: `${passwordFile}.tried` };
  const first = given ?? generateSecret('password', 0);
  try {
    for (const password of [first, undefined]) {
      const next = password ?? (await ask(`password of the repository ${target.url}:`));
      if (next === undefined) break;
      await host.write(tried.passwordFile, `${next}\n`, 0o600);
      const there = await lookAt(tried, context);
      if (there === 'wrong password') continue;
      if (there === 'none' && !mayMake) return await make(known, mayMake, context);
      await host.write(passwordFile, `${next}\n`, 0o600);
      return there === 'none' ? await make(known, mayMake, context) : known;
    }
  } finally {
    await host.remove(tried.passwordFile);
  }
  throw resticFailed(known, 'cat', 'wrong password or no key found');
}

/** Of each repository a file of its own, whose name tells nothing of it. */
export function passwordFileOf({ url }: Pick<ResticTarget, 'url'>, { paths }: Pick<Context, 'paths'>): string {
  return join(backupPaths(paths).passwordsDir, sha256(url).slice(0, 16));
}

async function lookAt(place: ResticPlace, context: Context): Promise<'opens' | 'none' | 'wrong password'> {
  const { exitCode, stderr } = await tryRestic(place, ['cat', 'config'], context, { withinMs: 300_000 });
  if (exitCode === 0) return 'opens';
  if (isWrongPassword(stderr)) return 'wrong password';
  if (isNoRepository(stderr)) return 'none';
  throw resticFailed(place, 'cat', stderr);
}

async function make(place: ResticPlace, mayMake: boolean, context: Context): Promise<ResticPlace> {
  const shown = place.target.url;
  if (!mayMake) {
    throw new VmkitError('usage', 'backup-missing', `There is no repository of backups in ${shown}.`, {
      hint: 'vmkit backup NAME --to PLACE makes one; vmkit restore NAME --from PLACE reads it.',
    });
  }
  await runRestic(place, ['init'], context, { withinMs: 300_000 });
  context.report({
    kind: 'note',
    text: `Made the repository ${shown}. Nothing reads it without its password, in ${place.passwordFile}: keep a copy of that file on another computer.`,
  });
  return place;
}
