import { open } from 'node:fs/promises';
import { availableParallelism, machine } from 'node:os';
import { isSystemError, VmkitError } from '../core/errors.ts';
import { connectTo } from './connect.ts';
import { type Host, MAX_FILE_BYTES } from './host.ts';
import { runProcess } from './process.ts';
import { bootArgv } from './shell/boot-shell.ts';
import { childShell } from './shell/child-shell.ts';
import { type ShellTransport, shellHost } from './shell/shell-host.ts';
import { freePort } from './tcp.ts';
import { writeWhole } from './write-whole.ts';

const NAME = 'this machine';

/** This machine. What Node does itself needs no shell; the rest are the same scripts as on any other host. */
export function localHost(): Host {
  return {
    ...shellHost(localShell(['sh'])),
    facts: async () => ({ machine: machine(), cpus: availableParallelism(), isRoot: process.getuid?.() === 0 }),
    exec: runProcess,
    read,
    write: writeWhole,
    freePort,
    open: (to) => connectTo('tcp' in to ? { port: to.tcp, host: '127.0.0.1' } : { path: to.unix }),
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

async function read(
  path: string,
  { maxBytes = MAX_FILE_BYTES }: { maxBytes?: number } = {},
): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const bytes = (await file.stat()).size <= maxBytes ? await file.readFile() : undefined;
      if (bytes !== undefined && bytes.length <= maxBytes) return bytes;
      throw new VmkitError('tool', 'output-too-long', `Reading ${path}: it has more than ${maxBytes} bytes.`);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
