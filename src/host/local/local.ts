import { availableParallelism, homedir, machine, release, type } from 'node:os';
import { VmkitError } from '../../core/errors/errors.ts';
import { explained } from '../../core/errors/system-error.ts';
import { resolvePaths } from '../../core/paths.ts';
import { connectTo } from '../../net/connect.ts';
import { freePort } from '../../net/tcp.ts';
import { ofPrograms } from '../endpoint.ts';
import { type Host, LONGEST_FILE } from '../host.ts';
import { bootArgv } from '../shell/session/boot-shell.ts';
import { childShell } from '../shell/session/child-shell.ts';
import { type ShellTransport, shellHost } from '../shell/shell-host.ts';
import { localFiles } from './files/files.ts';
import { readWhole } from './files/read-whole.ts';
import { writeWhole } from './files/write-whole.ts';
import { localLock } from './lock.ts';
import { logReader } from './log-reader.ts';
import { requireOurs } from './ours.ts';
import { bootId, endProcess, isRunning, startInBackground } from './process/background.ts';
import { runProcess } from './process/process.ts';
import { isProgram, searchPath } from './search-path.ts';

const NAME = 'this machine';
const LOOPBACK = '127.0.0.1';

/** This machine; its system errors are named ones. What Node does itself needs no shell; the rest are the same scripts as on any other host. */
export function localHost(): Host {
  return {
    ...shellHost(localShell(['sh'])),
    isHere: true,
    facts: async () => ({ machine: machine(), cpus: availableParallelism(), isRoot: process.getuid?.() === 0 }),
    programs: async (names) => {
      const folders = searchPath(process.env['PATH'] ?? '');
      return new Set(names.filter((name) => isProgram(name, folders)));
    },
    place: async () => ({
      system: `${type()} ${release()}`,
      bootId: bootId(),
      uid: process.getuid?.() ?? 0,
      home: homedir(),
      paths: resolvePaths(),
    }),
    address: async () => ({ name: LOOPBACK, isDirect: true }),
    exec: runProcess,
    start: explained(startInBackground),
    isRunning: async (process) => isRunning(process),
    signal: async (process, signal) => endProcess(process, signal),
    list: explained(localFiles.list),
    stat: explained(localFiles.stat),
    makeFolder: explained(localFiles.makeFolder),
    remove: explained(localFiles.remove),
    requireOurs: explained(requireOurs),
    readOurs: explained(async (path) => {
      await requireOurs(path);
      const bytes = await readWhole(path, LONGEST_FILE);
      return bytes && new TextDecoder().decode(bytes);
    }),
    log: logReader,
    lock: explained(localLock),
    read: explained((path, maxBytes = LONGEST_FILE) => readWhole(path, maxBytes)),
    write: explained(writeWhole),
    freePort,
    open: async (endpoint) => {
      const to = ofPrograms(endpoint);
      return connectTo('tcp' in to ? { port: to.tcp, host: to.at ?? LOOPBACK } : { path: to.unix });
    },
  };
}

/** A shell of this machine, such as `busybox sh`. */
export function localShell(shell: readonly string[]): ShellTransport {
  return {
    name: NAME,
    startShell: () => childShell(bootArgv(shell)),
    explain: ({ how, noise, title }) =>
      new VmkitError(
        'tool',
        'host-script-failed',
        `The shell ${shell.join(' ')} ended during ${title}: ${noise.trim() || how}`,
      ),
  };
}
