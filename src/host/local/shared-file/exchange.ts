import { linkSync, renameSync } from 'node:fs';
import { VmkitError } from '../../../core/errors/errors.ts';
import { runProcess } from '../process/process.ts';

/** renameat2(2) of this processor, and its flag RENAME_EXCHANGE. Node has no call for it. */
const RENAMEAT2: Readonly<Partial<Record<string, number>>> = { x64: 316, arm64: 276 };
const PERL = 'exit(syscall($ARGV[0] + 0, -100, $ARGV[1], -100, $ARGV[2], 2) == 0 ? 0 : $! + 0)';
/** errno(3): the path is a mount point, which no rename replaces. */
const EBUSY = 16;

/**
 * Gives two files each other's name in one step, so that whatever had the name at that moment is kept under the other. By perl, which Debian always has, or by
 * `mv --exchange` (coreutils 9.5). Where neither can, as on a file system without it, by a link and a rename, between which are some microseconds.
 * False: the path is a mount point.
 */
export async function exchange(path: string, other: string): Promise<boolean> {
  const number = RENAMEAT2[process.arch];
  const ways = [
    ...(number === undefined ? [] : [['perl', '-e', PERL, String(number), other, path]]),
    ['mv', '--exchange', '--no-target-directory', other, path],
  ];
  for (const argv of ways) {
    const exitCode = await exitCodeOf(argv);
    if (exitCode === 0) return true;
    if (exitCode === EBUSY) return false;
  }
  return exchangeByLink(path, other);
}

function exchangeByLink(path: string, other: string): boolean {
  const aside = `${other}.aside`;
  try {
    linkSync(path, aside);
    renameSync(other, path);
    renameSync(aside, other);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EBUSY' || error.code === 'EXDEV')) return false;
    throw error;
  }
}

async function exitCodeOf(argv: readonly string[]): Promise<number | undefined> {
  try {
    return (await runProcess(argv, { withinMs: 10_000 })).exitCode;
  } catch (error) {
    if (error instanceof VmkitError && error.code === 'tool-missing') return undefined;
    throw error;
  }
}
