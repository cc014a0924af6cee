import { quoteWord, shellCommand } from '../../../core/text/shell-quote.ts';
import type { OpenFile } from './open-file.ts';
import { forgetLogs, type Logs, recordLogs } from './recorder.ts';

/** How a monitor comes to run. Paths are absolute. */
export interface Launch {
  readonly argv: readonly string[];
  readonly files: readonly OpenFile[];
  readonly logs: Logs;
  /** Its current folder, made anew, which it owns: it makes its sockets there. */
  readonly folder: string;
  /** As whom it runs, with no right beyond; undefined: as whoever starts it. `group`: one more, for /dev/kvm. */
  readonly user: { readonly id: number; readonly group: number | undefined } | undefined;
  /** What it holds for as long as it runs, and what that file says beside `pid` and `startTime`. */
  readonly lock: { readonly path: string; readonly record: object } | undefined;
  /** How many bytes come on standard input, for the file without a path. */
  readonly inputBytes: number;
  /** Where it goes on from: the memory is open for reading at `memoryFd`. */
  readonly saved?: SavedFiles | undefined;
}

/** A guest's memory, and what was recorded of it so far, which its logs begin with. Absolute paths. */
export interface SavedFiles {
  readonly memory: string;
  readonly recorded: Pick<Logs, 'console' | 'events'>;
}

const OPERATORS = { read: '<', write: '<>', record: '>' } as const;

/** Where the memory of the secrets has its name, until it has content. */
export const MEMORY_FILE = '/dev/shm/vmkit-secrets';

/**
 * A script for bash that opens all that a monitor needs, gives up all rights and becomes that: one process from the start on, so that its
 * pid is known before it is the monitor. Nothing of a monitor that runs is touched before the lock is ours: who asks for a start may be cut
 * off, and its script may come later than the next one's. The lock is open for reading only: a guest that broke out must not write what vmkit reads.
 * bash: dash takes no descriptor above 9. One redirection to each exec: bash keeps copies of descriptors for those of one line.
 */
export function launchScript(launch: Launch): string {
  const { files, logs, lock, folder, inputBytes, saved } = launch;
  const lockFd = 3 + files.length;
  const recorded = files.filter(({ access }) => access === 'record');
  const others = files.filter(({ access }) => access !== 'record');
  const held = [...others.map(({ fd }) => fd), ...(lock === undefined ? [] : [lockFd])];
  return `${[
    'set -eu',
    'umask 077',
    CLOSE_INHERITED,
    ...(lock === undefined ? [] : takeLock(lock, logs, lockFd)),
    ...makeFolder(launch),
    ...others.flatMap((file) => (file.path === undefined ? openMemory(file.fd, inputBytes) : openFile(file))),
    `cd ${quoteWord(folder)}`,
    ...(saved === undefined ? [] : openSaved(saved.memory, memoryFd(files), held)),
    // Last of what can fail: a recorder whose pipe nobody opens would wait for ever.
    ...recordLogs(logs, saved === undefined ? held : [...held, memoryFd(files)]),
    ...recorded.flatMap(openFile),
    ...(saved === undefined ? [] : recorded.flatMap((file) => replay(file, saved.recorded))),
    'exec 0</dev/null',
    `exec env -i PATH="$PATH" ${shellCommand([...withoutRights(launch.user), ...launch.argv])}`,
  ].join('\n')}\n`;
}

/** What vmkit's own caller had left open is not the guest's, should it break out; nor would that caller's pipe ever end. */
const CLOSE_INHERITED = 'for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done';

/** proc_pid_stat(5): the fields after the name, in parentheses, begin with the third; the start time is the 22nd. */
function takeLock({ path, record }: NonNullable<Launch['lock']>, logs: Logs, fd: number): string[] {
  const rest = JSON.stringify(record).slice(1);
  return [
    `exec ${fd}<${quoteWord(path)}`,
    flock(fd),
    // Before the record: who finds that takes the logs for this monitor's.
    forgetLogs(logs),
    'read -r stat </proc/$$/stat',
    'fields=(${stat##*) })',
    `printf '{"pid":%s,"startTime":%s,%s\\n' $$ "\${fields[19]}" ${quoteWord(rest)} >${quoteWord(path)}`,
  ];
}

function makeFolder({ folder, user }: Launch): string[] {
  const path = quoteWord(folder);
  const own = user === undefined ? [] : [`chown ${user.id}:${user.id} ${path}`];
  return [`rm -rf ${path}`, `mkdir -p ${path}`, ...own];
}

/** A disk has a lock of its own: it holds where the file above was deleted, and where two machines name one disk. */
function openFile({ fd, path = '', access }: OpenFile): string[] {
  const open = `exec ${fd}${OPERATORS[access]}${quoteWord(path)}${access === 'record' ? '.pipe' : ''}`;
  return access === 'write' ? [open, flock(fd)] : [open];
}

/** Above those of its files and of its lock. */
export function memoryFd(files: readonly OpenFile[]): number {
  return 4 + files.length;
}

/** By a pipe: QEMU may take no file at a descriptor (QEMU documentation, "Deprecated features": `fd:` for files since 9.1). Its writer ends with it. */
function openSaved(memory: string, fd: number, held: readonly number[]): string[] {
  const close = held.map((each) => ` ${each}<&-`).join('');
  return [
    'mkfifo memory.pipe',
    `cat -- ${quoteWord(memory)} >memory.pipe${close} &`,
    `exec ${fd}<memory.pipe`,
    'rm memory.pipe',
  ];
}

function replay({ fd, role }: OpenFile, recorded: SavedFiles['recorded']): string[] {
  if (role !== 'console' && role !== 'events') return [];
  return [`cat -- ${quoteWord(recorded[role])} >&${fd}`];
}

function flock(fd: number): string {
  return `flock -n ${fd} || { echo 'Another QEMU runs this machine.' >&2; exit 1; }`;
}

/** The name is gone before the content comes. A vmkit that is killed half way sends too little, and nothing is started with that. */
function openMemory(fd: number, bytes: number): string[] {
  return [
    `memory=$(mktemp ${MEMORY_FILE}.XXXXXX)`,
    `exec ${fd}<"$memory"`,
    'exec {writer}>"$memory"',
    'rm "$memory"',
    'cat >&$writer',
    'exec {writer}>&-',
    `[ "$(stat -L -c %s /proc/$$/fd/${fd})" = ${bytes} ] || { echo 'vmkit was killed before QEMU had its secrets.' >&2; exit 1; }`,
  ];
}

/** Not by QEMU's own -runas: its sandbox forbids the change of user before it comes to that. */
function withoutRights(user: Launch['user']): string[] {
  if (user === undefined) return [];
  const groups = user.group === undefined ? '--clear-groups' : `--groups=${user.group}`;
  return [
    ...['setpriv', `--reuid=${user.id}`, `--regid=${user.id}`, groups],
    ...['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'],
  ];
}
