import { constants, type Stats } from 'node:fs';
import { access, chmod, chown, readdir, readFile, realpath, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfInterrupted } from '../../../core/deadline.ts';
import { isSystemError, VmkitError } from '../../../core/errors/errors.ts';
import { makeFolders } from '../files/make-folders.ts';
import { explainWriteError } from '../files/write-error.ts';
import { writeWhole } from '../files/write-whole.ts';
import { runProcess } from '../process/process.ts';
import { exchange } from './exchange.ts';
import { editInPlace } from './in-place.ts';
import { isOpenForWriting } from './open-writers.ts';

/** What others did to the file between our reading it and our replacing it. */
export interface Missed {
  readonly from: string;
  readonly to: string;
}

/** Makes the new text of the current one, with what was missed. It must give the same again when it is asked again. */
export type Edit = (text: string, missed: readonly Missed[]) => string;

/** Rounds until it is given up: somebody writes without end. */
const ROUNDS = 50;
/** How long a process may hold the replaced file open before it is written over all the same. */
const HELD_MS = 2_000;
/** After something was missed, in milliseconds: who read the file while it lacked that may write it back yet. */
const LOOK_AGAIN_MS = [20, 100, 400];

/**
 * Edits a text file that others write, too, without asking us: editors that rename, scripts that append. Readers find the old text or the new. The new file takes the
 * name of the old one in one step, and the old one is kept until nobody can write to it any more; what it holds then and we had not read is brought in. Killed at any
 * moment, the next call finds what was missed in a folder beside the file, `.NAME.vmkit`. Owner, mode, SELinux's label and extended attributes stay. A file that is a mount point, as in containers, is
 * written in place. The caller excludes other callers. Returns whether anything was changed.
 */
export async function editShared(path: string, edit: Edit, signal: AbortSignal): Promise<boolean> {
  const file = await realpath(path);
  const aside = join(dirname(file), `.${basename(file)}.vmkit`);
  try {
    const missed = await leftBehind(aside);
    const text = await readFile(file, 'utf8');
    if (missed.length === 0 && edit(text, []) === text) return false;
    if (!(await canRename(file))) return editInPlace(file, (current) => edit(current, []));
    return await editByName(file, aside, edit, missed, signal);
  } catch (error) {
    if (error instanceof VmkitError) throw error;
    throw await explainWriteError(error, `Writing ${path}`, dirname(file), 'Only root may write the hosts file: sudo.');
  }
}

async function editByName(
  file: string,
  aside: string,
  edit: Edit,
  left: readonly Left[],
  signal: AbortSignal,
): Promise<boolean> {
  const missed: Missed[] = [...left];
  const first = (left.at(-1)?.round ?? 0) + 1;
  const looks = [...LOOK_AGAIN_MS];
  let isChanged = false;
  makeFolders(aside, 0o700);
  for (let round = first; round < first + ROUNDS; round++) {
    if (!isChanged) throwIfInterrupted(signal);
    const before = await present(() => stat(file));
    const from = await present(() => readFile(file, 'utf8'));
    const text = edit(from, missed);
    if (text === from) {
      const wait = missed.length === 0 ? undefined : looks.shift();
      if (wait === undefined) return isDone(aside, isChanged);
      await sleep(wait);
      continue;
    }
    const pair = pairOf(aside, round);
    await writeWhole(pair.base, from, 0o600);
    await writeWhole(pair.text, text, 0o600);
    await takeAttributes(file, pair.text, before);
    // Cheaper than to bring it in afterwards, unless somebody writes without end.
    if (round - first < ROUNDS / 2 && (await present(() => readFile(file, 'utf8'))) !== from) continue;
    if (!(await present(() => exchange(file, pair.text)))) {
      await rm(aside, { recursive: true, force: true });
      return editInPlace(file, (current) => edit(current, missed));
    }
    isChanged = true;
    const to = await lastWord(pair.text);
    if (to === from && missed.length === 0) return isDone(aside, true);
    if (to !== from) missed.push({ from, to });
  }
  throw new VmkitError(
    'host',
    'file-busy',
    `${file}: others change it all the time; ${ROUNDS} rounds were not enough.`,
    {
      hint: `What others wrote is there, or in ${aside}, from which the next call takes it.`,
    },
  );
}

/**
 * Owner, mode, and what Node cannot copy: the label of SELinux, lists of access, extended attributes. coreutils' cp copies all that the file system and the kernel have, and
 * complains of nothing else; of busybox's, which cannot, nothing is expected.
 */
async function takeAttributes(from: string, to: string, { uid, gid, mode }: Stats): Promise<void> {
  await chown(to, uid, gid);
  await chmod(to, mode & 0o7777);
  try {
    await runProcess(['cp', '--attributes-only', '--preserve=all', from, to], { withinMs: 10_000 });
  } catch (error) {
    if (!(error instanceof VmkitError && error.code === 'tool-missing')) throw error;
  }
  // It is newer than the old one, and programs look at that.
  const now = new Date();
  await utimes(to, now, now);
}

/** Some editors move a file away before they write the new one. */
async function present<T>(look: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried++) {
    try {
      return await look();
    } catch (error) {
      if (!isSystemError(error, 'ENOENT') || tried === 100) throw error;
      await sleep(5);
    }
  }
}

async function isDone(aside: string, isChanged: boolean): Promise<boolean> {
  await rm(aside, { recursive: true, force: true });
  return isChanged;
}

/** What the replaced file holds once nobody can write to it any more: two looks in a row find nobody, and the same text. */
async function lastWord(replaced: string): Promise<string> {
  const deadline = performance.now() + HELD_MS;
  let text = await readFile(replaced, 'utf8');
  for (;;) {
    const isHeld = isOpenForWriting(replaced);
    const now = await readFile(replaced, 'utf8');
    if ((!isHeld && now === text) || performance.now() > deadline) return now;
    text = now;
    await sleep(2);
  }
}

function pairOf(aside: string, round: number): { readonly base: string; readonly text: string } {
  return { base: join(aside, `${round}.base`), text: join(aside, `${round}.text`) };
}

interface Left extends Missed {
  readonly round: number;
}

/** What a call that was killed had not brought in, oldest first. */
async function leftBehind(aside: string): Promise<Left[]> {
  const names = await readdir(aside).catch((error): string[] => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  const rounds = names.flatMap((name) => (/^\d+\.text$/.test(name) ? [Number.parseInt(name, 10)] : []));
  const found: Left[] = [];
  for (const round of rounds.sort((one, other) => one - other)) {
    const { base, text } = pairOf(aside, round);
    if (!names.includes(basename(base))) continue;
    found.push({ round, from: await readFile(base, 'utf8'), to: await lastWord(text) });
  }
  return found;
}

async function canRename(file: string): Promise<boolean> {
  return access(dirname(file), constants.W_OK).then(
    () => true,
    () => false,
  );
}
