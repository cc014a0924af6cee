import { VmkitError } from '../../core/errors/errors.ts';
import { backupPaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { ExecOptions, ExecResult } from '../../host/host.ts';
import { agentEnvironment } from '../../host/ssh/agent.ts';
import { fullUrl, type ResticTarget } from '../target.ts';

/** A repository of restic, and the file with its password on the machine's host. */
export interface ResticPlace {
  readonly target: ResticTarget;
  readonly passwordFile: string;
}

/** A first backup over a slow line. What makes no progress is ended much earlier. */
const LONGEST_MS = 7 * 24 * 3_600_000;

/** Neither the password nor the URL of a server, which may hold one, is on a command line. */
export function resticEnvironment(
  { target, passwordFile }: ResticPlace,
  { host, paths }: Pick<Context, 'host' | 'paths'>,
) {
  return {
    RESTIC_REPOSITORY: fullUrl(target),
    RESTIC_PASSWORD_FILE: passwordFile,
    RESTIC_CACHE_DIR: backupPaths(paths).cache,
    // Lines of progress a second.
    RESTIC_PROGRESS_FPS: '1',
    ...(host.isHere ? agentEnvironment() : {}),
  };
}

/** Pure. By sftp restic starts ssh: one that asks nobody, and notices within a minute that nobody answers any more. */
export function resticArgv({ target: { sshHost } }: ResticPlace, words: readonly string[]): readonly string[] {
  if (sshHost === undefined) return ['restic', ...words];
  const port = sshHost.port === undefined ? '' : `-p ${sshHost.port} `;
  const alive = '-o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o ServerAliveCountMax=3';
  return ['restic', '-o', `sftp.command=ssh ${alive} ${port}${sshHost.destination} -s sftp`, ...words];
}

/** Runs restic; what it ends with is a value. */
export async function tryRestic(
  place: ResticPlace,
  words: readonly string[],
  context: Context,
  options: ExecOptions = {},
): Promise<ExecResult> {
  return context.host.exec(resticArgv(place, words), {
    withinMs: LONGEST_MS,
    signal: context.signal,
    ...options,
    env: resticEnvironment(place, context),
  });
}

/** The same; throws `backup-target-full`, `backup-password-wrong`, `backup-target-failed`. */
export async function runRestic(
  place: ResticPlace,
  words: readonly string[],
  context: Context,
  options: ExecOptions = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await tryRestic(place, words, context, options);
  if (exitCode !== 0) throw resticFailed(place, words[0] ?? '', stderr);
  return stdout;
}

/** What restic said, as an error. */
export function resticFailed({ target }: Pick<ResticPlace, 'target'>, command: string, stderr: string): VmkitError {
  const shown = target.url;
  const said = withoutPassword(stderr, target).trim().split('\n').slice(-6).join('\n');
  const text = `restic ${command} with ${shown}: ${said}`;
  if (/no space left|quota exceeded|insufficient storage/i.test(stderr)) {
    return new VmkitError('host', 'backup-target-full', text, {
      hint: 'The backups that are there are whole. Make room there, or keep fewer: vmkit backup NAME --keep 7d4w',
    });
  }
  if (isWrongPassword(stderr)) {
    return new VmkitError('usage', 'backup-password-wrong', `The password does not open the repository ${shown}.`, {
      hint: 'Give the one of the computer that made it: VMKIT_BACKUP_PASSWORD=file:PATH vmkit …',
    });
  }
  if (isLoginRefused(stderr)) {
    return new VmkitError('unreachable', 'backup-target-failed', text, {
      hint: 'The server wants another user or password: rest:https://USER@HOST/NAME/ and VMKIT_REST_PASSWORD=file:PATH',
    });
  }
  return new VmkitError('unreachable', 'backup-target-failed', text, {
    hint: 'The backups that are there are whole. Is the place reachable, and is there room? Run it again: what was sent is not sent again.',
  });
}

/** restic 0.17 and later say each by an exit code of its own; earlier ones by their words alone. */
export function isWrongPassword(stderr: string): boolean {
  return stderr.includes('wrong password or no key found');
}

/** Only what restic saw to be absent: a server that does not answer, or refuses a login, may have one. */
export function isNoRepository(stderr: string): boolean {
  return /unable to open config file: .*(no such file|does not exist)|repository does not exist/.test(stderr);
}

function isLoginRefused(stderr: string): boolean {
  return /unexpected HTTP response \(40[13]\)/.test(stderr);
}

/** restic hides it by itself, but in the words of a URL that it could not read. */
function withoutPassword(text: string, target: ResticTarget): string {
  const { serverPassword } = target;
  if (serverPassword === undefined) return text;
  return [fullUrl(target), serverPassword, encodeURIComponent(serverPassword)].reduce(
    (rest, secret) => rest.replaceAll(secret, secret.startsWith('rest:') ? target.url : '***'),
    text,
  );
}
