import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import type { Subprocess } from 'execa';
import { announce } from '../../../core/announce.ts';
import { throwIfInterrupted } from '../../../core/deadline.ts';
import { isSystemError, messageOf, VmkitError } from '../../../core/errors/errors.ts';
import { onLines } from '../../../core/text/lines.ts';
import { type ExecOptions, type ExecResult, LONGEST_OUTPUT } from '../../host.ts';
import { isProgram, searchPath } from '../search-path.ts';
import { childEnvironment } from './child-environment.ts';
import { requireFiles } from './require-files.ts';

const DEFAULT_DEADLINE_MS = 600_000;
/** What a process group gets between SIGTERM and SIGKILL: mmdebstrap unmounts what it mounted. */
const GRACE_MS = 5_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a command in its own process group and waits for it. A passed deadline or an aborted signal ends the whole group
 * (the compilers that make started, too) and waits for its end. Error messages hold argv, never `env` or `input`.
 */
export async function runProcess(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [file, ...args] = argv;
  if (file === undefined) throw new TypeError('A command needs a program.');
  // Loaded when a process is started: many a run of vmkit starts none, and it takes 50 ms.
  const { execa } = await import('execa');
  throwIfInterrupted(options.signal);
  requireFiles();
  announce(argv);
  // execa ends only the child itself; the deadline and the signal are for its whole group, so they stay with us.
  const child = execa(file, args, {
    detached: true,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: options.maxBytes ?? LONGEST_OUTPUT,
    buffer: { stdout: options.onOutput === undefined },
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    extendEnv: false,
    env: childEnvironment(options.env),
  });
  const withinMs = options.withinMs ?? DEFAULT_DEADLINE_MS;
  const group = groupOf(child);
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    group.end();
  };
  const { onLine, onOutput } = options;
  if (onLine !== undefined) {
    for (const stream of [child.stdout, child.stderr]) onLines(stream, onLine, fail);
  }
  if (onOutput !== undefined) {
    child.stdout.on('data', (bytes: Buffer) => {
      try {
        onOutput(bytes);
      } catch (error) {
        fail(error);
      }
    });
  }
  const timer = setTimeout(() => fail(timeout(argv, withinMs)), Math.min(withinMs, MAX_TIMER_MS));
  options.signal?.addEventListener('abort', group.end, { once: true });
  try {
    const result = await child;
    throwIfInterrupted(options.signal);
    if (failure !== undefined) throw failure;
    if (result.isMaxBuffer) throw outputTooLong(argv, options.maxBytes);
    if (result.exitCode === undefined && result.signal === undefined) throw cannotRun(argv, options.cwd, result.cause);
    return {
      exitCode: result.exitCode ?? 128 + (result.signal === undefined ? 0 : constants.signals[result.signal]),
      stdout: result.stdout ?? '',
      stderr: result.stderr,
    };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', group.end);
    group.release();
  }
}

/** The process group of a child: how to end it, and that it never outlives vmkit's own orderly exit. */
function groupOf(child: Subprocess): { end: () => void; release: () => void } {
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

export function outputTooLong([program = '']: readonly string[], maxBytes = LONGEST_OUTPUT, where = ''): VmkitError {
  const text = `${where}${program} printed more than ${maxBytes} bytes and was stopped.`;
  return new VmkitError('tool', 'output-too-long', text);
}

function timeout(argv: readonly string[], withinMs: number): VmkitError {
  return new VmkitError('tool', 'tool-timeout', `${argv[0]} did not end within ${withinMs / 1000} s and was stopped.`, {
    hint: `Run it by hand to see what it waits for: ${argv.join(' ')}`,
  });
}

/** execve(2) says ENOENT for a missing program and for a missing folder to run it in. */
export function cannotRun(argv: readonly string[], cwd: string | undefined, error: unknown): VmkitError {
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
    isMissing ? `Cannot run ${argv[0]}: there is no such program.` : `Cannot run ${argv[0]}: ${messageOf(error)}`,
    { hint: 'vmkit doctor lists what is missing on this machine and how to install it.', cause: error },
  );
}
