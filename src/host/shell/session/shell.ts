import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { throwIfInterrupted } from '../../../core/deadline.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import { jobLines } from './boot-shell.ts';
import { betweenMarks } from './marks.ts';

/** What a command gets between SIGTERM and SIGKILL there (5 s), and a little for the way. */
const GRACE_MS = 8_000;
const DEFAULT_WITHIN_MS = 600_000;
const MAX_TIMER_MS = 2 ** 31 - 1;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const NOISE_BYTES = 8_192;

/** A POSIX shell that was started somewhere, as its streams. */
export interface ShellProcess {
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  /** Called once, when the shell has ended and all of its output has come; with an error where it never began, and why is known. */
  onEnd(done: (how: string | VmkitError) => void): void;
  /** Ends it at once, without asking. */
  destroy(): void;
  /** Whether this process waits for it before it ends. */
  hold(isHeld: boolean): void;
}

export interface Job {
  /** For messages: `sha256sum`. */
  readonly title: string;
  readonly script: string;
  /** What the script reads from its standard input, with whatever shows it that it was all. */
  readonly input?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** The shell ends with it. */
  readonly isLast?: boolean | undefined;
  /** Told to the script once it has said its status, where it waits for that. */
  readonly farewell?: string | undefined;
  readonly withinMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onOutput?: ((bytes: Buffer) => void) | undefined;
  /** false: standard output goes to `onOutput` alone, however much it is. */
  readonly isOutputKept?: boolean | undefined;
  readonly onErrors?: ((bytes: Buffer) => void) | undefined;
  /** More output than this throws `output-too-long`. Default: 64 MiB. */
  readonly maxBytes?: number | undefined;
}

export interface JobResult {
  readonly status: string;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Why a shell ended without a status. `hasStarted`: it had answered, to this job or one before. `noise` is what it said outside of any output: banners, and ssh's own messages. */
export type ExplainEnd = (end: { how: string; noise: string; hasStarted: boolean; title: string }) => VmkitError;

export interface Shell {
  /** Runs one job at a time. */
  run(job: Job): Promise<JobResult>;
  isUsable(): boolean;
  hold(isHeld: boolean): void;
  close(): void;
}

/** A shell that runs one job after the other. After a last job, or one that did not end by itself, it is not usable any more. */
export function shellOver(process: ShellProcess, name: string, explain: ExplainEnd): Shell {
  let isUsable = true;
  let hasAnswered = false;
  let ended: string | VmkitError | undefined;
  let onEnd: (how: string | VmkitError) => void = () => undefined;
  const close = (): void => {
    isUsable = false;
    process.input.end();
  };
  // A pipe whose reader has gone: the end of the shell says why.
  process.input.on('error', () => undefined);
  process.onEnd((how) => {
    isUsable = false;
    ended = how;
    onEnd(how);
  });

  const run = async (job: Job): Promise<JobResult> => {
    throwIfInterrupted(job.signal);
    const mark = `vmkit-${randomBytes(12).toString('hex')}`;
    const sending = new AbortController();
    let giveUp: () => void = () => undefined;
    let noise = '';
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    let failure: unknown;
    const fail = (error: unknown): void => {
      if (failure !== undefined) return;
      failure = error;
      giveUp();
    };
    const collect = (into: Buffer[], tell?: (chunk: Buffer) => void) => (chunk: Buffer) => {
      try {
        tell?.(chunk);
        if (into === stdout && job.isOutputKept === false) return;
        bytes += chunk.length;
        if (bytes > (job.maxBytes ?? DEFAULT_MAX_BYTES)) return fail(tooLong(name, job));
        into.push(chunk);
      } catch (error) {
        fail(error);
      }
    };
    const hear = (chunk: Buffer): void => {
      noise = (noise + chunk.toString()).slice(-NOISE_BYTES);
    };
    const out = betweenMarks(mark, collect(stdout, job.onOutput), hear);
    const errors = betweenMarks(mark, collect(stderr, job.onErrors), hear);
    const abort = (): void => fail(interruptionOf(job.signal));
    const withinMs = job.withinMs ?? DEFAULT_WITHIN_MS;
    const timer = setTimeout(() => fail(tooLate(name, job, withinMs)), Math.min(withinMs, MAX_TIMER_MS));
    job.signal?.addEventListener('abort', abort, { once: true });
    let onOut: (chunk: Buffer) => void = () => undefined;
    let onErrors: (chunk: Buffer) => void = () => undefined;
    let killer: NodeJS.Timeout | undefined;
    try {
      const status = await new Promise<string>((resolve, reject) => {
        const statuses: (string | undefined)[] = [undefined, undefined];
        const see = (index: number, status: string | undefined): void => {
          hasAnswered ||= out.hasStarted();
          if (status === undefined) return;
          statuses[index] = status;
          if (statuses[0] !== undefined && statuses[1] !== undefined) resolve(status);
        };
        onOut = (chunk) => see(0, out.take(chunk));
        onErrors = (chunk) => see(1, errors.take(chunk));
        process.output.on('data', onOut);
        process.errors.on('data', onErrors);
        onEnd = (how) => {
          const said = noise + Buffer.concat(stderr).toString().slice(-NOISE_BYTES);
          const end = { noise: said, hasStarted: hasAnswered, title: job.title };
          reject(how instanceof VmkitError ? how : explain({ ...end, how }));
        };
        if (ended !== undefined) return onEnd(ended);
        // Nobody waits for the job any more: the end of its input tells it so, and then it has a while.
        giveUp = () => {
          sending.abort();
          close();
          killer = setTimeout(() => {
            process.destroy();
            reject(failure);
          }, GRACE_MS);
        };
        process.input.write(jobLines(mark, job.script));
        if (job.input === undefined) return;
        send(job.input, process.input, sending.signal).catch(fail);
      });
      if (failure !== undefined) throw failure;
      if (job.farewell !== undefined) process.input.write(job.farewell);
      if (job.isLast === true || !/^[0-9]+$/.test(status)) isUsable = false;
      return { status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
    } catch (error) {
      throw failure ?? error;
    } finally {
      clearTimeout(timer);
      clearTimeout(killer);
      job.signal?.removeEventListener('abort', abort);
      process.output.off('data', onOut);
      process.errors.off('data', onErrors);
      onEnd = () => undefined;
      giveUp = () => undefined;
      sending.abort();
      if (!isUsable) close();
    }
  };
  return { run, isUsable: () => isUsable, hold: process.hold, close };
}

/** Writes all of it, as fast as the other side takes it, and leaves the stream open. Ends early where nobody reads any more: the script's status says why. */
async function send(input: Uint8Array | AsyncIterable<Uint8Array>, to: Writable, signal: AbortSignal): Promise<void> {
  for await (const chunk of input instanceof Uint8Array ? [input] : input) {
    if (signal.aborted || !to.writable) return;
    if (!to.write(chunk)) await once(to, 'drain', { signal }).catch(() => undefined);
  }
}

function interruptionOf(signal: AbortSignal | undefined): unknown {
  try {
    throwIfInterrupted(signal);
  } catch (error) {
    return error;
  }
  return undefined;
}

function tooLong(name: string, { title, maxBytes = DEFAULT_MAX_BYTES }: Job): VmkitError {
  return new VmkitError('tool', 'output-too-long', `${name}: ${title} printed more than ${maxBytes} bytes.`);
}

function tooLate(name: string, { title }: Job, withinMs: number): VmkitError {
  return new VmkitError('tool', 'tool-timeout', `${name}: ${title} did not end within ${withinMs / 1000} s.`, {
    hint: 'Run it by hand there, to see what it waits for.',
  });
}
