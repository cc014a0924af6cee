import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { Client, ClientChannel } from 'ssh2';
import { throwIfInterrupted } from '../core/deadline.ts';
import { messageOf, VmkitError } from '../core/errors.ts';
import { shellCommand } from '../core/shell-quote.ts';
import type { ExecOptions, ExecResult, Host } from './host.ts';
import { onLines } from './lines.ts';
import { connectSsh, type SshAddress } from './ssh.ts';

const DEFAULT_DEADLINE_MS = 600_000;

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
    throw new VmkitError('tool', 'guest-command-failed', `${address.name}: ${argv[0]}: ${output.stderr.trim()}`);
  };
  return {
    name: address.name,
    facts: async () => {
      const { stdout } = await must(['sh', '-c', 'uname -m; nproc']);
      const [machine = '', cpus = '1'] = stdout.split('\n');
      return { machine, cpus: Number(cpus), isRoot: true };
    },
    exec,
    read: async (path) => {
      const { exitCode } = await exec(['test', '-e', path]);
      return exitCode === 0 ? (await must(['cat', path])).bytes : undefined;
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

function run(client: Client, name: string, argv: readonly string[], options: ExecOptions): Promise<Output> {
  throwIfInterrupted(options.signal);
  const withinMs = options.withinMs ?? DEFAULT_DEADLINE_MS;
  return new Promise((resolve, reject) => {
    client.exec(commandLine(argv, options), (error, channel) => {
      if (error !== undefined) return reject(lost(name, argv, error));
      const release = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
      };
      const fail = (failure: unknown): void => {
        release();
        channel.close();
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
      const stdout = collect(channel, options, fail);
      const stderr = collect(channel.stderr, options, fail);
      let exitCode: number | undefined;
      onExit(channel, (code) => {
        exitCode = code;
      });
      channel.once('close', () => {
        release();
        if (exitCode === undefined) reject(lost(name, argv, new Error('the connection was closed')));
        else resolve({ exitCode, stdout: stdout().toString(), stderr: stderr().toString(), bytes: stdout() });
      });
      channel.end(options.input);
    });
  });
}

/** Calls back with the exit code once the remote command ended: 128 + N after signal N. */
export function onExit(channel: ClientChannel, done: (exitCode: number) => void): void {
  channel.once('exit', (code: number | null, signal?: string) => {
    if (code !== null) return done(code);
    const numbers: Readonly<Record<string, number>> = constants.signals;
    done(128 + (numbers[`SIG${signal ?? ''}`] ?? 0));
  });
}

function commandLine(argv: readonly string[], { cwd, env }: ExecOptions): string {
  const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`);
  const command = shellCommand(variables.length === 0 ? argv : ['env', ...variables, ...argv]);
  return cwd === undefined ? command : `cd ${shellCommand([cwd])} && ${command}`;
}

function collect(
  stream: NodeJS.ReadableStream & Parameters<typeof onLines>[0],
  { onLine }: ExecOptions,
  fail: (error: unknown) => void,
): () => Buffer {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (onLine !== undefined) onLines(stream, onLine, fail);
  return () => Buffer.concat(chunks);
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
