import { extname } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { outputOf } from '../../host/local/process/output-of.ts';
import type { VerbContext } from '../step.ts';

/** A file or a folder of a dump. */
export interface DumpEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly bytes: number;
}

/** Folders of a dump that a machine takes (cmd/dump.go of Forgejo 7 to 15). */
const TAKEN = ['repos', 'data', 'custom'];
/** And what of them it does not: what belongs to the server that ran, what the machine has of its own, and the old database. */
const LEFT = [
  ...['sessions', 'queues', 'indexers', 'tmp', 'log', 'conf', 'ssh'].map((name) => `data/${name}`),
  ...['gitea.db', 'forgejo.db'].flatMap((name) => ['', '-wal', '-shm'].map((end) => `data/${name}${end}`)),
  'custom/conf/app.ini',
];
/** libarchive in a locale without UTF-8 would not take names that have it. */
const BSDTAR = ['env', 'LC_ALL=C.UTF-8', 'bsdtar'];
const READ_WITHIN_MS = 12 * 3_600_000;

/** How archives begin that show by themselves where they are cut off: zip, and what gzip, xz, zstd and bzip2 pack. */
const WHOLE_BY_THEMSELVES = ['504b', '1f8b', 'fd377a58', '28b52ffd', '425a68'];

/**
 * What an archive of this computer holds, by libarchive's bsdtar: a zip, or a packed tar. Nothing is unpacked. Throws `dump-unfit` for one that is cut off, has names that lead
 * out of it, or holds anything but files and folders.
 */
export async function listDump(file: string, { builder, signal }: VerbContext): Promise<readonly DumpEntry[]> {
  await requireWhole(file, { builder, signal });
  const argv = [...BSDTAR, '--numeric-owner', '-tvf', file];
  const { exitCode, stdout, stderr } = await builder.host.exec(argv, {
    withinMs: READ_WITHIN_MS,
    maxBytes: Number.MAX_SAFE_INTEGER,
    signal,
  });
  if (exitCode !== 0) throw unfit(file, `it is no archive, or a damaged one: ${stderr.trim()}`);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [parseEntry(line, file)]));
}

/** `-rw-r--r--  0 0      0          10 Nov 27 16:55 repos/a/b.git/HEAD`, a folder's name with a slash at its end. */
function parseEntry(line: string, file: string): DumpEntry {
  const [, kind = '', bytes = '', name = ''] =
    /^(.)\S+\s+\d+\s+\d+\s+\d+\s+(\d+)\s+\S+\s+\S+\s+\S+ (.+)$/.exec(line) ?? [];
  if (kind !== '-' && kind !== 'd') throw unfit(file, `it holds what is no file and no folder: ${line.trim()}`);
  if (name.startsWith('/') || name.split('/').includes('..')) throw unfit(file, `a name leads out of it: ${name}`);
  return { name: name.replace(/^\.\//, '').replace(/\/$/, ''), isFolder: kind === 'd', bytes: Number(bytes) };
}

/** By its last bytes and first ones: bsdtar reads a zip without its directory as far as it comes, and a tar that was cut off between two files is none to it. */
async function requireWhole(file: string, { builder, signal }: Pick<VerbContext, 'builder' | 'signal'>): Promise<void> {
  const script =
    'head -c 4 -- "$1" | od -An -tx1; tail -c 65557 -- "$1" | LC_ALL=C grep -ac "PK$(printf "\\005\\006")"';
  const { stdout } = await builder.host.exec(['sh', '-c', script, 'sh', file], { withinMs: 60_000, signal });
  const [magic = '', ends = '0'] = stdout.trim().split('\n');
  const start = magic.replaceAll(' ', '');
  if (!WHOLE_BY_THEMSELVES.some((each) => start.startsWith(each))) {
    throw unfit(
      file,
      `it is no zip and no packed tar${extname(file) === '.tar' ? ', which would show whether all of it is there' : ''}`,
    );
  }
  if (start.startsWith('504b') && ends === '0') throw unfit(file, 'the end of the zip is missing: it is cut off');
}

/** Reads all of it, and compares each file with its checksum. Throws `dump-unfit`. */
export async function readWholeDump(file: string, { builder, signal }: VerbContext): Promise<void> {
  const argv = [...BSDTAR, '-cf', '/dev/null', '--format=mtree', '--options=mtree:!all', `@${file}`];
  const { exitCode, stderr } = await builder.host.exec(argv, { withinMs: READ_WITHIN_MS, signal });
  const said = stderr.replace('bsdtar: (null)', '').trim();
  if (exitCode !== 0) throw unfit(file, `it is damaged${said === '' ? '' : `: ${said}`}`);
}

/** One file of a dump. */
export function fileOfDump(file: string, name: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  return outputOf([...BSDTAR, '-xOf', file, name], signal);
}

/** What a machine takes of a dump's folders, as a tar. */
export function treeOfDump(file: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const chosen = [
    ...LEFT.flatMap((name) => ['--exclude', `^${name}`]),
    ...TAKEN.flatMap((name) => ['--include', `^${name}`]),
  ];
  return outputOf([...BSDTAR, '-cf', '-', '--format=pax', ...chosen, `@${file}`], signal);
}

/** Whether an entry is in that tar. */
export function isTaken({ name }: Pick<DumpEntry, 'name'>): boolean {
  const isBelow = (folder: string): boolean => name === folder || name.startsWith(`${folder}/`);
  return TAKEN.some(isBelow) && !LEFT.some(isBelow);
}

export function unfit(file: string, why: string, hint?: string): VmkitError {
  return new VmkitError('usage', 'dump-unfit', `${file} is not imported: ${why}. Nothing was changed.`, {
    hint: hint ?? 'On the old server: forgejo dump --database postgres. Compare sha256sum of the file here and there.',
  });
}
