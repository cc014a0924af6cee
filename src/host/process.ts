import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { throwIfInterrupted } from '../core/deadline.ts';
import { isSystemError, VmkitError } from '../core/errors.ts';
import type { ExecOptions, ExecResult } from './host.ts';
import { onLines } from './lines.ts';
import { isProgram, searchPath } from './search-path.ts';

const DEFAULT_DEADLINE_MS = 600_000;
/** What a process group gets between SIGTERM and SIGKILL: mmdebstrap unmounts what it mounted. */
const GRACE_MS = 5_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a command in its own process group and waits for it. A passed deadline or an aborted signal ends the whole group
 * (the compilers that make started, too) and waits for its end. Error messages hold argv, never `env` or `input`.
 */
export async function runProcess(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [file, ...args] = argv;
  if (file === undefined) throw new TypeError('A command needs a program.');
  throwIfInterrupted(options.signal);
  const stdoutFile = options.stdoutFile === undefined ? undefined : await open(options.stdoutFile, 'w');
  try {
    const child = spawn(file, args, {
      detached: true,
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', stdoutFile?.fd ?? 'pipe', 'pipe'],
    });
    return await follow(child, argv, options);
  } finally {
    await stdoutFile?.close();
  }
}

async function follow(child: ChildProcess, argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const withinMs = options.withinMs ?? DEFAULT_DEADLINE_MS;
  const group = groupOf(child);
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    group.end();
  };
  const stdout = collect(child.stdout, options.onLine, fail);
  const stderr = collect(child.stderr, options.onLine, fail);
  // A process may end without reading all of its input.
  child.stdin?.on('error', () => undefined).end(options.input);
  const timer = setTimeout(() => fail(timeout(argv, withinMs)), Math.min(withinMs, MAX_TIMER_MS));
  options.signal?.addEventListener('abort', group.end, { once: true });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(cannotRun(argv, options.cwd, error)));
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
    throwIfInterrupted(options.signal);
    if (failure !== undefined) throw failure;
    return { exitCode, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', group.end);
    group.release();
  }
}

/** The process group of a child: how to end it, and that it never outlives vmkit's own orderly exit. */
function groupOf(child: ChildProcess): { end: () => void; release: () => void } {
  const timers: NodeJS.Timeout[] = [];
  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch (error) {
      if (!isSystemError(error, 'ESRCH')) throw error;
    }
  };
  const onExit = (): void => kill('SIGTERM');
  process.on('exit', onExit);
  return {
    end: () => {
      if (timers.length > 0) return;
      kill('SIGTERM');
      // The leader has ended: what it left behind goes too.
      child.once('exit', () => kill('SIGKILL'));
      const killAll = (): void => {
        kill('SIGKILL');
        // Whoever left the group and holds the pipes does not hold us.
        timers.push(setTimeout(() => [child.stdout, child.stderr].forEach((pipe) => void pipe?.destroy()), 1_000));
      };
      timers.push(setTimeout(killAll, GRACE_MS));
    },
    release: () => {
      process.off('exit', onExit);
      timers.forEach(clearTimeout);
    },
  };
}

function collect(
  stream: Readable | null,
  onLine: ((line: string) => void) | undefined,
  fail: (error: unknown) => void,
): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    else fail(new VmkitError('tool', 'output-too-long', `A command printed more than ${MAX_OUTPUT_BYTES} bytes.`));
  });
  if (stream !== null && onLine !== undefined) onLines(stream, onLine, fail);
  return () => Buffer.concat(chunks).toString('utf8');
}

function timeout(argv: readonly string[], withinMs: number): VmkitError {
  return new VmkitError('tool', 'tool-timeout', `${argv[0]} did not end within ${withinMs / 1000} s and was stopped.`, {
    hint: `Run it by hand to see what it waits for: ${argv.join(' ')}`,
  });
}

/** execve(2) says ENOENT for a missing program and for a missing folder to run it in. */
export function cannotRun(argv: readonly string[], cwd: string | undefined, error: Error): VmkitError {
  if (cwd !== undefined && !existsSync(cwd)) {
    return new VmkitError('tool', 'tool-failed', `Cannot run ${argv[0]} in ${cwd}: there is no such folder.`, {
      cause: error,
    });
  }
  const [file = ''] = argv;
  // execvp(3) says EACCES in place of ENOENT when a folder of PATH may not be searched.
  const isNowhere = !file.includes('/') && !isProgram(file, searchPath(process.env['PATH'] ?? ''));
  const isMissing = isSystemError(error, 'ENOENT') || isNowhere;
  return new VmkitError(
    'tool',
    isMissing ? 'tool-missing' : 'tool-failed',
    isMissing ? `Cannot run ${argv[0]}: there is no such program.` : `Cannot run ${argv[0]}: ${error.message}`,
    { hint: 'vmkit doctor lists what is missing on this machine and how to install it.', cause: error },
  );
}
