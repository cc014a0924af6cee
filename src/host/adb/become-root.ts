import { quoteWord } from '../../core/text/shell-quote.ts';
import type { ProgramEndpoint } from '../endpoint.ts';
import { BOOT_COMMAND } from '../shell/session/boot-shell.ts';
import type { AdbUser } from './destination.ts';

/** Whose su it is; they take a command in different ways. */
export type SuKind = 'magisk' | 'kernelsu' | 'apatch' | 'aosp' | 'other';

/** Of what `su -v` printed. AOSP's, on debuggable builds, takes `-v` for a user. */
export function suKind(version: string): SuKind {
  if (/magisk/i.test(version)) return 'magisk';
  if (/kernelsu/i.test(version)) return 'kernelsu';
  if (/apatch/i.test(version)) return 'apatch';
  return /invalid uid\/gid/.test(version) ? 'aosp' : 'other';
}

/** The words that run a script as root: `su [UID [COMMAND ...]]` (AOSP's system/extras/su), `su -c SCRIPT` for all others, toybox's and BusyBox's too. */
export function suArgv(kind: SuKind, script: string): readonly string[] {
  return kind === 'aosp' ? ['su', '0', 'sh', '-c', script] : ['su', '-c', script];
}

/** Of each user, a folder that he alone can enter, and that is there before the phone is unlocked (device-encrypted). */
const HOMES: Readonly<Record<AdbUser, string>> = { shell: '/data/local/tmp', root: '/data/adb/vmkit' };

/** What adbd's shell is asked to run for a shell of ours. adbd gives a umask of 0, and no home. `su`: undefined where adbd is that user already. */
export function bootLine(user: AdbUser, su: SuKind | undefined): string {
  const home = HOMES[user];
  // Where the phone's own node has its `tailscale`. Nobody but root writes there.
  const path = user === 'root' ? ` PATH=$PATH:${home}/bin` : '';
  return lineAs(su, `umask 022; mkdir -p ${home}; export HOME=${home} TMPDIR=${home}${path}; ${BOOT_COMMAND}`);
}

/** The same for one connection to a server there. */
export function connectLine(to: ProgramEndpoint, su: SuKind | undefined): string {
  const where = 'tcp' in to ? [to.at ?? '127.0.0.1', String(to.tcp)] : ['-U', to.unix];
  return lineAs(su, `exec nc ${where.map(quoteWord).join(' ')}`);
}

function lineAs(su: SuKind | undefined, script: string): string {
  return su === undefined ? script : `exec ${suArgv(su, script).map(quoteWord).join(' ')}`;
}
