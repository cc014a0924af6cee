import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism, constants, machine } from 'node:os';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { throwIfInterrupted } from '../core/deadline.ts';
import { isSystemError, VmkitError } from '../core/errors.ts';
import type { ExecOptions, ExecResult, Host } from './host.ts';

const DEFAULT_DEADLINE_MS = 600_000;

/** This machine. */
export function localHost(): Host {
  return {
    name: 'this machine',
    facts: async () => ({ machine: machine(), cpus: availableParallelism(), isRoot: process.getuid?.() === 0 }),
    exec,
    read: async (path) => {
      try {
        return await readFile(path);
      } catch (error) {
        if (isSystemError(error, 'ENOENT')) return undefined;
        throw error;
      }
    },
    write: writeWhole,
  };
}

async function exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [file, ...args] = argv;
  if (file === undefined) throw new TypeError('exec needs a program');
  throwIfInterrupted(options.signal);
  const subprocess = execa(file, args, {
    reject: false,
    stripFinalNewline: false,
    timeout: options.withinMs ?? DEFAULT_DEADLINE_MS,
    maxBuffer: 64 * 1024 * 1024,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.stdoutFile === undefined ? {} : { stdout: { file: options.stdoutFile } }),
  });
  if (options.onLine !== undefined) {
    const { onLine } = options;
    void (async () => {
      for await (const line of subprocess.iterable({ from: options.stdoutFile === undefined ? 'all' : 'stderr' }))
        onLine(line);
    })().catch(() => undefined);
  }
  const result = await subprocess;
  throwIfInterrupted(options.signal);
  if (result.timedOut) {
    throw new VmkitError(
      'tool',
      'tool-timeout',
      `${file} did not end within ${(options.withinMs ?? DEFAULT_DEADLINE_MS) / 1000} s.`,
      {
        hint: `Run it by hand to see what it waits for: ${argv.join(' ')}`,
      },
    );
  }
  if (result.exitCode === undefined && result.signal === undefined) {
    throw new VmkitError(
      'tool',
      result.code === 'ENOENT' ? 'tool-missing' : 'tool-failed',
      `Cannot run ${file}: ${result.shortMessage}`,
      {
        hint: 'vmkit doctor lists what is missing on this machine and how to install it.',
        cause: result.cause,
      },
    );
  }
  return {
    exitCode: result.exitCode ?? 128 + (result.signal === undefined ? 0 : constants.signals[result.signal]),
    stdout: textOf(result.stdout),
    stderr: textOf(result.stderr),
  };
}

function textOf(output: unknown): string {
  return typeof output === 'string' ? output : '';
}

async function writeWhole(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
