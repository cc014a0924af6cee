import type { ClientChannel } from 'ssh2';
import { announce } from '../../core/announce.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { onLines } from '../../core/text/lines.ts';
import { withRawTerminal } from '../../host/local/terminal.ts';
import { commandLine, requireStartable } from './command-line.ts';
import { connectSsh, type SshAddress } from './connect.ts';
import { onExit } from './guest-host.ts';

/**
 * Runs a command in the guest with our own standard input, output and error; returns its exit code. With a terminal on both sides it gets a
 * terminal that follows ours in size. Without `argv`: a login shell. With `onLine` what it prints is given there instead, line by line, and it gets no input.
 */
export async function runSession(
  address: SshAddress,
  argv: readonly string[] | undefined,
  signal: AbortSignal,
  onLine?: (line: string) => void,
): Promise<number> {
  if (argv !== undefined) requireStartable(argv, address.name);
  const client = await connectSsh(address, { signal });
  if (argv !== undefined) announce(argv, address.name);
  const isTerminal = onLine === undefined && process.stdin.isTTY === true && process.stdout.isTTY === true;
  try {
    const line = argv === undefined ? undefined : await commandLine(client, argv);
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      const opened = (error: Error | undefined, channel: ClientChannel): void =>
        error === undefined ? resolve(channel) : reject(error);
      const pty = isTerminal ? terminalSize() : false;
      if (line === undefined) client.shell(pty, opened);
      else if (pty === false) client.exec(line, opened);
      else client.exec(line, { pty }, opened);
    });
    if (onLine !== undefined) return await readLines(channel, address, signal, onLine);
    return isTerminal
      ? await withRawTerminal(() => join(channel, address, signal))
      : await join(channel, address, signal);
  } catch (error) {
    if (error instanceof VmkitError) throw error;
    throw new VmkitError('unreachable', 'guest-connection-lost', `${address.name}: ${messageOf(error)}`, {
      hint: `vmkit status ${address.name}`,
      cause: error,
    });
  } finally {
    // A graceful end would wait for a command that runs on in the guest.
    if (signal.aborted) client.destroy();
    else client.end();
  }
}

/** Joins a remote command with our standard streams until it ends. */
function join(channel: ClientChannel, address: SshAddress, signal: AbortSignal): Promise<number> {
  const resize = (): void => {
    const { rows, cols } = terminalSize();
    channel.setWindow(rows, cols, 0, 0);
  };
  channel.pipe(process.stdout, { end: false });
  channel.stderr.pipe(process.stderr, { end: false });
  process.stdin.pipe(channel);
  process.stdout.on('resize', resize);
  return exitCodeOf(channel, address, signal).finally(() => {
    process.stdout.off('resize', resize);
    process.stdin.unpipe(channel);
    process.stdin.pause();
    process.stdin.unref?.();
  });
}

function readLines(
  channel: ClientChannel,
  address: SshAddress,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<number> {
  const fail = (error: unknown): void => void channel.emit('error', error);
  onLines(channel, onLine, fail);
  onLines(channel.stderr, onLine, fail);
  return exitCodeOf(channel, address, signal);
}

/** 130 as soon as `signal` aborts. */
function exitCodeOf(channel: ClientChannel, { name }: SshAddress, signal: AbortSignal): Promise<number> {
  let abort = (): void => undefined;
  return new Promise<number>((resolve, reject) => {
    let exitCode: number | undefined;
    abort = () => resolve(130);
    onExit(channel, (code) => {
      exitCode = code;
    });
    channel.once('error', reject);
    channel.once('close', () => {
      if (exitCode !== undefined) resolve(exitCode);
      else reject(new VmkitError('unreachable', 'guest-connection-lost', `${name}: the connection was lost.`));
    });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  }).finally(() => signal.removeEventListener('abort', abort));
}

function terminalSize(): { rows: number; cols: number; term: string } {
  return {
    rows: process.stdout.rows ?? 24,
    cols: process.stdout.columns ?? 80,
    term: process.env['TERM'] ?? 'vt100',
  };
}
