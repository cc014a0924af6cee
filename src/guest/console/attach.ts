import { isSystemError, VmkitError } from '../../core/errors/errors.ts';
import type { Host } from '../../host/host.ts';
import { withRawTerminal } from '../../host/local/terminal.ts';

/** Ctrl-], as telnet and virsh have it. */
const ESCAPE = 0x1d;

/**
 * Joins our terminal with the guest's serial console until Ctrl-] is pressed, our input ends or the machine ends.
 * QEMU serves one at a time: a second one waits until the first leaves.
 */
export async function attachConsole(
  socketPath: string,
  host: Pick<Host, 'open'>,
  signal: AbortSignal,
): Promise<'detached' | 'machine-ended'> {
  const socket = await host.open({ unix: socketPath }).catch((error: unknown) => {
    const isAbsent = isSystemError(error, 'ENOENT') || isSystemError(error, 'ECONNREFUSED');
    throw isAbsent ? noConsole(socketPath) : error;
  });
  return withRawTerminal(
    () =>
      new Promise((resolve, reject) => {
        const { stdin, stdout } = process;
        const finish = (how: 'detached' | 'machine-ended'): void => {
          stdin.off('data', onInput);
          stdin.pause();
          stdin.unref?.();
          signal.removeEventListener('abort', detach);
          socket.destroy();
          resolve(how);
        };
        const detach = (): void => finish('detached');
        const onInput = (data: Buffer): void => {
          const at = data.indexOf(ESCAPE);
          socket.write(at < 0 ? data : data.subarray(0, at));
          if (at >= 0) detach();
        };
        stdin.on('data', onInput);
        stdin.once('end', detach);
        signal.addEventListener('abort', detach, { once: true });
        socket.on('data', (data) => stdout.write(data));
        socket.once('end', () => finish('machine-ended'));
        socket.once('error', (error) => {
          reject(error);
          detach();
        });
        socket.once('close', () => finish('machine-ended'));
      }),
  );
}

function noConsole(socketPath: string): VmkitError {
  return new VmkitError('boot', 'no-console', `Nobody serves the console at ${socketPath}: the machine does not run.`, {
    hint: 'vmkit ls shows what runs; vmkit logs <vm> shows the console of a machine that is off.',
  });
}

/** The longest path of a socket: struct sockaddr_un has 108 bytes, with the zero at the end (unix(7)). */
const MAX_SOCKET_PATH = 107;

/** Throws `socket-path-too-long`. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH) return;
  throw new VmkitError(
    'host',
    'socket-path-too-long',
    `${path} has ${bytes} bytes; the path of a socket may have ${MAX_SOCKET_PATH}.`,
    { hint: 'Set XDG_STATE_HOME to a shorter folder, or give the machine a shorter name.' },
  );
}
