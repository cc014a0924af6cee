import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path/posix';
import { VmkitError } from '../../core/errors/errors.ts';
import { type FileFacts, type Host, LONGEST_FILE } from '../host.ts';
import { tooLong } from '../local/files/read-whole.ts';
import { notOurs } from '../local/ours.ts';
import { requireRemovable } from '../removable.ts';
import { scriptFailure } from './failure.ts';
import { LIST, MAKE_FOLDER, READ, READ_OURS, REMOVE, SPACE, STAT, WRITE } from './scripts/files.ts';
import { inputJob, STATUS, simpleJob } from './scripts/job.ts';
import { OURS } from './scripts/ours.ts';
import type { Job, JobResult } from './session/shell.ts';
import type { ShellPool } from './session/shell-pool.ts';

type Files = Pick<
  Host,
  'read' | 'readOurs' | 'write' | 'requireOurs' | 'list' | 'stat' | 'statAll' | 'makeFolder' | 'remove' | 'freeBytes'
>;

/** Files by way of a shell. */
export function shellFiles(name: string, pool: ShellPool, place: Host['place'], systemUid?: number): Files {
  const system = systemUid === undefined ? '' : String(systemUid);
  /** What the script printed; undefined where there is no such file. */
  const ask = async (doing: string, job: Omit<Job, 'title'>): Promise<Buffer | undefined> => {
    const result: JobResult = await pool.run({ ...job, title: doing });
    if (result.status === '0') return result.stdout;
    if (result.status === String(STATUS.absent)) return undefined;
    if (result.status === String(STATUS.odd)) {
      const [path = '', where = path, reason = ''] = result.stdout.toString().split('\n');
      throw notOurs(path, where, reason);
    }
    throw scriptFailure(name, doing, result);
  };
  const statAll = async (paths: readonly string[]): Promise<(FileFacts | undefined)[]> => {
    const text = await ask(`Looking at ${paths.join(', ')}`, { script: simpleJob(STAT, paths) });
    const lines = text?.toString().split('\n') ?? [];
    return paths.map((_, at) => fileFacts(lines[at] ?? ''));
  };
  return {
    read: async (path, maxBytes = LONGEST_FILE) => {
      try {
        return await ask(`Reading ${path}`, { script: simpleJob(READ, [path]), maxBytes });
      } catch (error) {
        throw error instanceof VmkitError && error.code === 'output-too-long' ? tooLong(path, maxBytes) : error;
      }
    },
    write: async (path, content, mode = 0o644) => {
      const bytes = Buffer.from(content);
      const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
      const args = [path, dirname(path), temporary, mode.toString(8), String(bytes.length)];
      const input = Buffer.concat([bytes, Buffer.from('end\n')]);
      await ask(`Writing ${path}`, { script: inputJob(WRITE, args), input, isLast: true });
    },
    requireOurs: async (path) => {
      await ask(`Looking whose ${path} is`, { script: simpleJob(OURS, [path, system]) });
    },
    readOurs: async (path) =>
      (await ask(`Reading ${path}`, { script: simpleJob(READ_OURS, [path, system]) }))?.toString('utf8'),
    list: async (folder) => {
      const names = await ask(`Listing ${folder}`, { script: simpleJob(LIST, [folder]) });
      return names?.toString().split('\0').slice(0, -1);
    },
    stat: async (path) => (await statAll([path]))[0],
    statAll,
    makeFolder: async (path, mode) => {
      await ask(`Making ${path}`, { script: simpleJob(MAKE_FOLDER, [path, mode.toString(8)]) });
    },
    remove: async (path) => {
      requireRemovable(path, (await place()).home);
      await ask(`Removing ${path}`, { script: simpleJob(REMOVE, [path]) });
    },
    freeBytes: async (path) => {
      const text = await ask(`Asking for free space at ${path}`, { script: simpleJob(SPACE, [path]) });
      const kib = Number.parseInt(text?.toString() ?? '', 10);
      if (Number.isNaN(kib)) throw new VmkitError('tool', 'host-script-failed', `${name}: df says nothing of ${path}.`);
      return kib * 1024;
    },
  };
}

/** S_IFMT of inode(7). */
const KINDS: Readonly<Record<number, FileFacts['kind']>> = { 32768: 'file', 16384: 'folder', 49152: 'socket' };

/** What `stat -c '%s %f %u %g %Y %b %B'` says; an empty line is nothing. */
function fileFacts(text: string): FileFacts | undefined {
  if (text === '') return undefined;
  const [bytes = '', mode = '', uid = '', gid = '', seconds = '', blocks = '', blockBytes = ''] = text
    .trim()
    .split(' ');
  const bits = Number.parseInt(mode, 16);
  return {
    kind: KINDS[bits & 0xf000] ?? 'other',
    bytes: Number(bytes),
    bytesOnDisk: Number(blocks) * Number(blockBytes),
    mode: bits & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
    changedAt: Number(seconds) * 1_000,
  };
}
