import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runProcess } from '../../src/host/local/process/process.ts';
import { childShell } from '../../src/host/shell/session/child-shell.ts';

const LIMIT = ['--pid', String(process.pid), '--nofile'];

test('a shell and a command for which no file is left: the error of the system', async () => {
  // What it loads is loaded.
  await runProcess(['true']);
  const before = execFileSync('prlimit', [...LIMIT, '--noheadings', '-o', 'SOFT'])
    .toString()
    .trim();
  // Started before, since nothing can be started while no file is left.
  const restores = spawn('sh', ['-c', `read -r _; prlimit --pid ${process.pid} --nofile=${before}:`]);
  const ended = once(restores, 'close');
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${readdirSync('/proc/self/fd').length - 1}:`]);
  try {
    expect(() => childShell(['sh'])).toThrow(expect.objectContaining({ code: 'EMFILE' }));
    await expect(runProcess(['true'])).rejects.toMatchObject({ code: 'EMFILE' });
  } finally {
    restores.stdin.end('now\n');
    await ended;
  }
});
