import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../context.ts';
import type { ExecResult, Host } from '../host.ts';
import type { Command } from './change.ts';

const DEADLINE_MS = 30_000;
/** sudo(8) ends with 1 both for its own refusals and for those of the command; only the text tells. */
const REFUSAL =
  /^sudo: (a password|a terminal|interactive authentication|no tty)|is not allowed to |not in the sudoers|may not run sudo/m;
/** What each program says without doing anything. */
const HARMLESS: Readonly<Record<string, string>> = { ip: '-V', nft: '-v', ufw: 'version' };

/** Runs one command as root. Throws `sudo-refused`; the command's own exit code is a value. */
export type RunAsRoot = (command: Command, signal?: AbortSignal) => Promise<ExecResult>;

/** Commands as root: directly, or through `sudo -n` where vmkit itself does not run as root. */
export async function rootRunner({ host }: Pick<Context, 'host'>): Promise<RunAsRoot> {
  const { isRoot } = await host.facts();
  return async ({ argv, input }, signal) => {
    const options = { input, signal, withinMs: DEADLINE_MS, env: { LC_ALL: 'C' } };
    if (isRoot) return host.exec(argv, options);
    const result = await host.exec(['sudo', '-n', '--', ...argv], options).catch((error) => {
      if (error instanceof VmkitError && error.code === 'tool-missing')
        throw refused(host, argv, 'there is no sudo', error);
      throw error;
    });
    if (result.exitCode !== 0 && REFUSAL.test(result.stderr)) throw refused(host, argv, result.stderr.trim());
    return result;
  };
}

/** Throws `sudo-refused` before anything is changed, if sudo refuses one of the programs of these commands. */
export async function requireRoot(commands: readonly Command[], run: RunAsRoot, signal: AbortSignal): Promise<void> {
  const programs = new Set(commands.flatMap(({ argv }) => argv.slice(0, 1)));
  for (const program of programs) await run({ argv: [program, HARMLESS[program] ?? '--version'] }, signal);
}

function refused(host: Host, argv: readonly string[], reason: string, cause?: unknown): VmkitError {
  const where = host.isHere ? '' : ` on ${host.name}`;
  const way = host.isHere
    ? 'Run `sudo -v` first, or run vmkit as root'
    : 'Log in there as root (--host ssh://root@HOST), or let sudo ask this user for no password (NOPASSWD, sudoers(5))';
  return new VmkitError('host', 'sudo-refused', `Running ${argv[0]} as root${where}: ${reason}.`.replace('..', '.'), {
    hint: `Nothing was changed by it. ${way}; --dry-run prints the commands for somebody else to run.`,
    cause,
  });
}
