import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path/posix';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Host, PushOptions } from '../host.ts';
import { scriptFailure } from './failure.ts';
import { fileRuns } from './file-runs.ts';
import { BLOCK_BYTES, inputJob, STATUS, simpleJob } from './scripts/job.ts';
import { PUSH_LOOK, PUSH_TAKE } from './scripts/push.ts';
import type { ShellPool } from './session/shell-pool.ts';

/** Nothing is sent for as long as the other side makes a digest of a large file; a dead connection is noticed without a deadline. */
const PUSH_WITHIN_MS = 24 * 3_600_000;
const MAX_TRIES = 5;

/**
 * Sends a file to a file beside `path` that is named by its digest, so that a later push of the same content goes on with it. Only what has the right digest
 * there gets the name `path`.
 */
export function shellPush(name: string, pool: ShellPool): Host['push'] {
  return async (localFile, path, options = {}) => {
    const file = await open(localFile, 'r');
    try {
      const total = (await file.stat()).size;
      const sha256 = await digestOf(file, options.signal);
      const part = `${path}.${sha256.slice(0, 16)}.part`;
      for (let tries = 1; ; tries += 1) {
        const look = await pool.run({
          title: `Looking at ${path}`,
          script: simpleJob(PUSH_LOOK, [path, dirname(path), part, String(total)]),
          withinMs: PUSH_WITHIN_MS,
          signal: options.signal,
        });
        if (look.status !== '0') throw scriptFailure(name, `Looking at ${path}`, look);
        const [there, partBytes] = look.stdout.toString().split('\n');
        if (there === sha256) {
          options.onProgress?.(total, total);
          return { sha256, sentBytes: 0 };
        }
        const sentBytes = await sendTo(
          { name, path, part, total, sha256, partBytes: Number(partBytes), isRetry: tries < MAX_TRIES },
          file,
          pool,
          options,
        );
        if (sentBytes !== undefined) return { sha256, sentBytes };
      }
    } finally {
      await file.close();
    }
  };
}

interface Sending {
  readonly name: string;
  readonly path: string;
  readonly part: string;
  readonly total: number;
  readonly sha256: string;
  readonly partBytes: number;
  readonly isRetry: boolean;
}

/** The bytes that were sent; undefined where another push, or a power cut there, changed what had come. */
async function sendTo(
  { name, path, part, total, sha256, partBytes, isRetry }: Sending,
  file: FileHandle,
  pool: ShellPool,
  { mode = 0o644, signal, onProgress }: PushOptions,
): Promise<number | undefined> {
  let sentBytes = 0;
  const args = [path, dirname(path), part, String(total), sha256, mode.toString(8), String(partBytes)];
  const result = await pool.run({
    title: `Sending ${path}`,
    script: inputJob(PUSH_TAKE, args),
    input: fileRuns(file, Math.floor(partBytes / BLOCK_BYTES), (at, sent) => {
      sentBytes = sent;
      onProgress?.(at, total);
    }),
    isLast: true,
    withinMs: PUSH_WITHIN_MS,
    signal,
  });
  switch (Number(result.status)) {
    case 0:
      return sentBytes;
    case STATUS.moved:
    case STATUS.damaged:
      if (isRetry) return undefined;
      throw new VmkitError('host', 'push-damaged', `${name}: what came of ${path} is not what was sent.`, {
        hint: 'Does the file change while it is sent? Or look for errors of that disk in the kernel log there.',
      });
    case STATUS.busy:
      throw new VmkitError('host', 'lock-busy', `${name}: another vmkit sends ${path} just now.`, {
        hint: 'Wait for it to end, or end it.',
      });
    case STATUS.noFlock:
      throw new VmkitError('tool', 'tool-missing', `Cannot send ${path} to ${name}: there is no program flock.`, {
        hint: 'It is in the package util-linux; busybox has it too.',
      });
    default:
      throw scriptFailure(name, `Sending ${path}`, result);
  }
}

async function digestOf(file: FileHandle, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(4 * 1024 * 1024);
  for (let position = 0; ; ) {
    throwIfInterrupted(signal);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
