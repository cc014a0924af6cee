import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { Client, ClientChannel } from 'ssh2';
import { announce } from '../../core/announce.ts';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';
import { onLines } from '../../core/text/lines.ts';
import { type ExecOptions, type ExecResult, type Host, LONGEST_FILE, LONGEST_OUTPUT } from '../../host/host.ts';
import { tooLong } from '../../host/local/files/read-whole.ts';
import { outputTooLong } from '../../host/local/process/process.ts';
import { commandWithVariables } from '../../host/shell/variables.ts';
import { commandLine, requireStartable } from './command-line.ts';
import { connectSsh, type SshAddress } from './connect.ts';

const DEFAULT_DEADLINE_MS = 600_000;
/** A file is read within this time, or the guest does not answer. */
const READ_DEADLINE_MS = 60_000;

export interface GuestHost extends Pick<Host, 'name' | 'facts' | 'exec' | 'read' | 'write'> {
  close(): void;
}

/** A running guest as a place where commands run and files are. Close it, or the process stays. */
export async function guestHost(
  address: SshAddress,
  options: { withinMs?: number; signal?: AbortSignal } = {},
): Promise<GuestHost> {
  const client = await connectSsh(address, options);
  const exec = (argv: readonly string[], execOptions: ExecOptions = {}): Promise<Output> =>
    run(client, address.name, argv, execOptions);
  const must = async (argv: readonly string[], input?: Uint8Array | string): Promise<Output> => {
    const output = await exec(argv, { input });
    if (output.exitCode === 0) return output;
    throw commandFailed(address.name, argv[0] ?? '', output.stderr);
  };
  return {
    name: address.name,
    facts: async () => {
      const { stdout } = await must(['sh', '-c', 'uname -m; nproc']);
      const [machine = '', cpus = '1'] = stdout.split('\n');
      return { machine, cpus: Number(cpus), isRoot: true };
    },
    exec,
    read: async (path, maxBytes = LONGEST_FILE) => {
      const { exitCode } = await exec(['test', '-f', path], { withinMs: READ_DEADLINE_MS });
      if (exitCode !== 0) return undefined;
      const {
        exitCode: failed,
        bytes,
        stderr,
      } = await exec(['head', '-c', String(maxBytes + 1), path], { withinMs: READ_DEADLINE_MS });
      if (failed !== 0) throw commandFailed(address.name, 'head', stderr);
      if (bytes.length > maxBytes) throw tooLong(`${address.name}: ${path}`, maxBytes);
      return bytes;
    },
    write: async (path, content, mode = 0o644) => {
      const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
      const script = 'mkdir -p "$1"; umask 077; cat >"$2"; chmod "$3" "$2"; sync "$2"; mv "$2" "$4"';
      await must(['sh', '-ec', script, 'sh', dirname(path), temporary, mode.toString(8), path], content);
    },
    close: () => client.end(),
  };
}

type Output = ExecResult & { readonly bytes: Buffer };

async function run(client: Client, name: string, argv: readonly string[], options: ExecOptions): Promise<Output> {
  throwIfInterrupted(options.signal);
  requireStartable(argv, name);
  const withinMs = options.withinMs ?? DEFAULT_DEADLINE_MS;
  const given = withVariables(argv, options);
  const line = await commandLine(client, given.argv, options.cwd).catch((error) => {
    throw lost(name, argv, error);
  });
  return new Promise((resolve, reject) => {
    announce(argv, name);
    client.exec(line, (error, channel) => {
      if (error !== undefined) return reject(lost(name, argv, error));
      const release = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
      };
      const fail = (failure: unknown): void => {
        release();
        channel.removeAllListeners('data');
        channel.stderr.removeAllListeners('data');
        channel.destroy();
        reject(failure);
      };
      const abort = (): void => {
        try {
          throwIfInterrupted(options.signal);
        } catch (interrupted) {
          fail(interrupted);
        }
      };
      const timer = setTimeout(() => fail(tooLate(name, argv, withinMs)), Math.min(withinMs, 2 ** 31 - 1));
      options.signal?.addEventListener('abort', abort, { once: true });
      // Aborted while the channel was opened: the event is over.
      if (options.signal?.aborted === true) return abort();
      // What the guest's own programs promise to print is no measure of what comes.
      let left = options.maxBytes ?? LONGEST_OUTPUT;
      const count = (bytes: number): void => {
        left -= bytes;
        if (left < 0) fail(outputTooLong(argv, options.maxBytes, `${name}: `));
      };
      const stdout = collect(channel, options, count, fail);
      const stderr = collect(channel.stderr, { onLine: options.onLine }, count, fail);
      let exitCode: number | undefined;
      onExit(channel, (code) => {
        exitCode = code;
      });
      channel.once('close', () => {
        release();
        if (exitCode === undefined) reject(lost(name, argv, new Error('the connection was closed')));
        else resolve({ exitCode, stdout: stdout().toString(), stderr: stderr().toString(), bytes: stdout() });
      });
      channel.end(given.input);
    });
  });
}

/** Calls back with the exit code once the remote command ended: 128 + N after signal N. */
export function onExit(channel: ClientChannel, done: (exitCode: number) => void): void {
  channel.once('exit', (code: number | null, signal?: string) => {
    if (code !== null) return done(code);
    // ssh2 gives it as SIGKILL.
    const numbers: Readonly<Record<string, number>> = constants.signals;
    done(128 + (numbers[signal ?? ''] ?? 0));
  });
}

/** The values of variables are in no command line, there or in the guest's logs: they come before the input. */
function withVariables(
  argv: readonly string[],
  { env, input = '' }: ExecOptions,
): { readonly argv: readonly string[]; readonly input: string | Uint8Array } {
  if (env === undefined || Object.keys(env).length === 0) return { argv, input };
  const given = commandWithVariables(argv, env);
  return { argv: given.argv, input: Buffer.concat([Buffer.from(given.input), Buffer.from(input)]) };
}

/** What a stream gives, in all; nothing where `onOutput` is given each piece. */
function collect(
  stream: NodeJS.ReadableStream & Parameters<typeof onLines>[0],
  { onLine, onOutput }: Pick<ExecOptions, 'onLine' | 'onOutput'>,
  count: (bytes: number) => void,
  fail: (error: unknown) => void,
): () => Buffer {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    if (onOutput === undefined) {
      chunks.push(chunk);
      return count(chunk.length);
    }
    try {
      onOutput(chunk);
    } catch (error) {
      fail(error);
    }
  });
  if (onLine !== undefined) onLines(stream, onLine, fail);
  return () => Buffer.concat(chunks);
}

function commandFailed(name: string, program: string, said: string): VmkitError {
  return new VmkitError('tool', 'guest-command-failed', `${name}: ${program}: ${said.trim()}`);
}

function lost(name: string, argv: readonly string[], cause: unknown): VmkitError {
  return new VmkitError(
    'unreachable',
    'guest-connection-lost',
    `${name}: the connection was lost while ${argv[0]} ran: ${messageOf(cause)}`,
    { hint: `vmkit status ${name}`, cause },
  );
}

function tooLate(name: string, argv: readonly string[], withinMs: number): VmkitError {
  return new VmkitError('tool', 'tool-timeout', `${name}: ${argv[0]} did not end within ${withinMs / 1000} s.`, {
    hint: `Run it by hand to see what it waits for: vmkit exec ${name} -- ${argv.join(' ')}`,
  });
}
