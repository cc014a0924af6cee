import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientChannel } from 'ssh2';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { commandLine, openChannel } from './command-line.ts';
import { connectSsh, type SshAddress } from './connect.ts';
import { onExit } from './guest-host.ts';

interface Transfer {
  readonly signal: AbortSignal;
  /** Bytes so far. */
  readonly onBytes: (done: number) => void;
}

/**
 * `$1` the path, `$2` the name where that is a folder, `$3` bytes, `$4` mode. Whole or not at all: what is cut off has another size, and goes.
 */
const TAKE = `set -eu
umask 077
path=$1
[ ! -d "$path" ] || path=$path/$2
trap 'rm -f -- "$path.vmkit-new"' EXIT
cat >"$path.vmkit-new"
[ "$(stat -c %s -- "$path.vmkit-new")" = "$3" ] || { echo 'not all of it came' >&2; exit 1; }
chmod -- "$4" "$path.vmkit-new"
sync -- "$path.vmkit-new"
mv -f -- "$path.vmkit-new" "$path"`;

/** Sends a file of so many bytes to a path in a guest, or into a folder there by its name. Throws `guest-command-failed`, `guest-connection-lost`. */
export async function sendFile(
  address: SshAddress,
  {
    from,
    name,
    bytes,
    mode,
  }: { readonly from: Readable; readonly name: string; readonly bytes: number; readonly mode: number },
  path: string,
  { signal, onBytes }: Transfer,
): Promise<void> {
  await feedCommand(address, ['sh', '-c', TAKE, 'sh', path, name, String(bytes), mode.toString(8)], from, {
    signal,
    onBytes,
  });
}

/** Runs a command in a guest on what comes, as fast as it takes it. Throws `guest-command-failed` with what it said, `guest-connection-lost`, and what `from` throws. */
export async function feedCommand(
  address: SshAddress,
  argv: readonly string[],
  from: AsyncIterable<Uint8Array>,
  { signal, onBytes }: Transfer,
): Promise<void> {
  await withChannel(address, argv, signal, async (channel) => {
    // Its end is heard only by who reads, and one that refuses takes nothing more.
    channel.resume();
    const refused = new AbortController();
    channel.once('close', () => refused.abort());
    await pipeline(from, counted(onBytes), channel, { signal: AbortSignal.any([signal, refused.signal]) });
  });
}

/** Reads a file of a guest into a stream. Throws `guest-command-failed`, `guest-connection-lost`. */
export async function receiveFile(
  address: SshAddress,
  path: string,
  to: Writable,
  { signal, onBytes }: Transfer,
): Promise<void> {
  await withChannel(address, ['cat', '--', path], signal, async (channel) => {
    channel.end();
    await pipeline(channel, counted(onBytes), to, { signal });
  });
}

function counted(onBytes: (done: number) => void) {
  return async function* (source: AsyncIterable<Uint8Array>) {
    let done = 0;
    for await (const piece of source) {
      done += piece.length;
      onBytes(done);
      yield piece;
    }
  };
}

async function withChannel(
  address: SshAddress,
  argv: readonly string[],
  signal: AbortSignal,
  work: (channel: ClientChannel) => Promise<void>,
): Promise<void> {
  const client = await connectSsh(address, { signal });
  try {
    const channel = await openChannel(client, await commandLine(client, argv));
    let said = '';
    channel.stderr.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    const ended = new Promise<number | undefined>((resolve) => {
      let exitCode: number | undefined;
      onExit(channel, (code) => {
        exitCode = code;
      });
      channel.once('close', () => resolve(exitCode));
    });
    const failure = await work(channel).then(
      () => undefined,
      (error: unknown) => error,
    );
    throwIfInterrupted(signal);
    channel.resume();
    const exitCode = await ended;
    // A guest that refuses ends its side: what it said is the reason.
    if (exitCode === 0 && failure === undefined) return;
    if (exitCode === undefined) throw lost(address, failure);
    if (exitCode === 0) throw failure;
    throw new VmkitError('tool', 'guest-command-failed', `${address.name}: ${said.trim() || `exit code ${exitCode}`}`);
  } finally {
    if (signal.aborted) client.destroy();
    else client.end();
  }
}

function lost({ name }: SshAddress, cause: unknown): VmkitError {
  const why = cause === undefined ? 'it was closed' : messageOf(cause);
  return new VmkitError('unreachable', 'guest-connection-lost', `${name}: the connection was lost: ${why}`, {
    hint: `vmkit status ${name}. What was not whole is gone; run it again.`,
    cause,
  });
}
