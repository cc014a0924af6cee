import { closeSync, openSync } from 'node:fs';

/** Three pipes with two ends each, and a pair to hear of execve(2) by: what a start of a process opens at most (libuv, uv_spawn). */
const FILES = 8;

/**
 * Throws the system's error, EMFILE or ENFILE, where this process may not open as many files as the start of another one takes. Node itself would return a child
 * without streams, which its types do not say and execa does not know, and tell the error later, when nobody listens (lib/internal/child_process.js).
 */
export function requireFiles(): void {
  const opened: number[] = [];
  try {
    while (opened.length < FILES) opened.push(openSync('/dev/null', 'r'));
  } finally {
    for (const file of opened) closeSync(file);
  }
}
