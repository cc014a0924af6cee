import { dirname } from 'node:path/posix';
import { announce } from '../../core/announce.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { lineSplitter } from '../../core/text/lines.ts';
import type { ExecOptions, ExecResult, Host, HostProcess } from '../host.ts';
import { processStat } from '../local/process/process-stat.ts';
import { scriptFailure } from './failure.ts';
import { commandJob, PROCESS, startJob } from './scripts/command.ts';
import { STATUS, simpleJob } from './scripts/job.ts';
import type { JobResult } from './session/shell.ts';
import type { ShellPool } from './session/shell-pool.ts';

/** Commands and processes by way of a shell. */
export function shellCommands(
  name: string,
  pool: ShellPool,
): Pick<Host, 'exec' | 'start' | 'isRunning' | 'signal'> & { readonly execLong: Host['exec'] } {
  const execIn =
    (run: ShellPool['run']) =>
    async (argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> => {
      const [title] = argv;
      if (title === undefined) throw new TypeError('A command needs a program.');
      announce(argv, name);
      const { cwd, env, onLine, onOutput, withinMs, signal, maxBytes } = options;
      const input = Buffer.from(options.input ?? '');
      const outLines = onLine === undefined ? undefined : linesTo(onLine);
      const errorLines = onLine === undefined ? undefined : linesTo(onLine);
      const result = await run({
        title,
        script: commandJob(argv, { cwd, env, inputBytes: input.length }),
        input: Buffer.concat([input, END]),
        isLast: input.length > 0,
        farewell: END.toString(),
        onOutput:
          onOutput === undefined
            ? outLines?.take
            : (bytes) => {
                onOutput(bytes);
                outLines?.take(bytes);
              },
        isOutputKept: onOutput === undefined,
        onErrors: errorLines?.take,
        withinMs,
        signal,
        maxBytes,
      });
      requireRun(name, argv, cwd, result);
      outLines?.end();
      errorLines?.end();
      return { exitCode: Number(result.status), stdout: result.stdout.toString(), stderr: result.stderr.toString() };
    };
  const ask = async (process: HostProcess, signal: string): Promise<boolean> => {
    const args = [String(process.pid), String(process.startTime), process.bootId ?? '', signal];
    const result = await pool.run({ title: `process ${process.pid}`, script: simpleJob(PROCESS, args) });
    if (result.status === String(STATUS.absent)) return false;
    if (result.status !== '0') throw scriptFailure(name, `Sending ${signal} to process ${process.pid}`, result);
    return true;
  };
  return {
    exec: execIn(pool.run),
    execLong: execIn(pool.runLong),
    start: async (argv, { cwd, env, logFile, input = new Uint8Array() }) => {
      announce(argv, name);
      const inputBytes = input.length;
      const script = startJob(argv, { cwd, env, logFile, logFolder: dirname(logFile), inputBytes });
      const result = await pool.run({
        title: argv[0] ?? '',
        script,
        input: Buffer.from(input),
        isLast: inputBytes > 0,
      });
      requireRun(name, argv, cwd, result);
      if (result.status !== '0') throw scriptFailure(name, `Starting ${argv[0]} with its output in ${logFile}`, result);
      const text = result.stdout.toString();
      const at = text.indexOf('\n');
      return { ...processStat(text.slice(at + 1)), bootId: text.slice(0, at) };
    },
    isRunning: (process) => ask(process, ''),
    signal: (process, signal) => ask(process, signal.replace(/^SIG/, '')),
  };
}

/** What the command's job reads after the input, and again once the command has ended. */
const END = Buffer.from('end\n');

function requireRun(
  name: string,
  argv: readonly string[],
  cwd: string | undefined,
  { status, stderr }: JobResult,
): void {
  switch (status) {
    case 'no-program':
      throw new VmkitError('tool', 'tool-missing', `Cannot run ${argv[0]} on ${name}: there is no such program.`, {
        hint: 'Install it there. vmkit looks in PATH and in /usr/local/sbin, /usr/sbin and /sbin.',
      });
    case 'no-folder':
      throw new VmkitError(
        'tool',
        'tool-failed',
        `Cannot run ${argv[0]} in ${cwd} on ${name}: there is no such folder.`,
      );
    case 'no-setsid':
      throw new VmkitError('tool', 'tool-missing', `Cannot run anything on ${name}: there is no program setsid.`, {
        hint: 'Install util-linux or busybox there.',
      });
    case 'lost':
      throw new VmkitError('tool', 'tool-failed', `Cannot run ${argv[0]} on ${name}: ${stderr.toString().trim()}`, {
        hint: 'A command that gets input needs mktemp, mkfifo and a temporary folder there that can be written to.',
      });
  }
}

function linesTo(onLine: (line: string) => void): { take: (bytes: Uint8Array) => void; end: () => void } {
  const splitter = lineSplitter();
  return {
    take: (bytes) => splitter.take(bytes).forEach(onLine),
    end: () => {
      const last = splitter.rest();
      if (last !== '') onLine(last);
    },
  };
}
