/**
 * Cuts a job's own bytes out of a stream, however it was split: gives `onBytes` what stands between `mark` and `mark STATUS`, at once and
 * nothing else. Returns the status when the end was seen, undefined before.
 */
export function betweenMarks(
  mark: string,
  onBytes: (bytes: Buffer) => void,
  onNoise: (bytes: Buffer) => void,
): { take(chunk: Buffer): string | undefined; hasStarted(): boolean } {
  const pattern = Buffer.from(mark);
  let pending: Buffer = Buffer.alloc(0);
  let started = false;
  const give = (bytes: Buffer): void => {
    if (bytes.length > 0) (started ? onBytes : onNoise)(bytes);
  };
  return {
    hasStarted: () => started,
    take: (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const at = pending.indexOf(pattern);
        if (at < 0) {
          const kept = beginningOf(pattern, pending);
          give(pending.subarray(0, pending.length - kept));
          pending = pending.subarray(pending.length - kept);
          return undefined;
        }
        const end = pending.indexOf(10, at);
        if (end < 0) {
          give(pending.subarray(0, at));
          pending = pending.subarray(at);
          return undefined;
        }
        give(pending.subarray(0, at));
        const status = pending
          .subarray(at + pattern.length, end)
          .toString()
          .trim();
        pending = pending.subarray(end + 1);
        if (started) return status;
        started = true;
      }
    },
  };
}

/** How many bytes at the end of `bytes` may be the beginning of `pattern`. */
function beginningOf(pattern: Buffer, bytes: Buffer): number {
  for (let length = Math.min(pattern.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(pattern.subarray(0, length))) return length;
  }
  return 0;
}
