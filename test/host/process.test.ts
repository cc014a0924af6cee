import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import { messageOf, VmkitError } from '../../src/core/errors/errors.ts';
import { runProcess } from '../../src/host/local/process/process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A compiler under make: a child that shrugs SIGTERM off, writes its pid and would run for long. */
const STUBBORN_TREE = 'sh -c \'trap "" TERM; echo $$ > "$0/pid"; sleep 600; sleep 600\' "$0" & wait';

test('output, exit code, input, folder and environment', async () => {
  const result = await runProcess(['sh', '-c', 'cat; pwd; echo "$WHO"; echo problem >&2; exit 3'], {
    input: 'hello\n',
    cwd: '/',
    env: { WHO: 'vmkit' },
  });
  expect(result).toEqual({ exitCode: 3, stdout: 'hello\n/\nvmkit\n', stderr: 'problem\n' });
});

test('a signal is 128 + its number', async () => {
  expect((await runProcess(['sh', '-c', 'kill -KILL $$'])).exitCode).toBe(137);
});

test('a process may end without reading its input', async () => {
  expect((await runProcess(['true'], { input: 'x'.repeat(1_000_000) })).exitCode).toBe(0);
});

test('no input means the end of input, not ours', async () => {
  expect((await runProcess(['cat'])).stdout).toBe('');
});

test('lines arrive whole and while the process runs, the last one without its end', async () => {
  const lines: string[] = [];
  const script = 'printf "a\\303"; sleep 0.05; printf "\\244b\\r\\nc\\n\\n"; echo e >&2; printf last';
  await runProcess(['sh', '-c', script], { onLine: (line) => lines.push(line) });
  expect(lines.filter((line) => line !== 'e')).toEqual(['aäb', 'c', '', 'last']);
  expect(lines).toContain('e');
});

test('output can be taken in pieces, as bytes; lines are still followed', async () => {
  const pieces: Uint8Array[] = [];
  const lines: string[] = [];
  const { stdout } = await runProcess(['sh', '-c', 'printf "\\377\\n"; echo progress >&2'], {
    onOutput: (bytes) => void pieces.push(bytes),
    onLine: (line) => lines.push(line),
  });
  expect(stdout).toBe('');
  expect(Buffer.concat(pieces)).toEqual(Buffer.from([255, 10]));
  expect(lines).toContain('progress');
});

test('a passed deadline ends the children of the child too', async () => {
  const folder = await temporaryFolder();
  const run = runProcess(['sh', '-c', STUBBORN_TREE, folder], { withinMs: 300 });
  await expect(run).rejects.toMatchObject({ code: 'tool-timeout' });
  await expectDead(join(folder, 'pid'));
});

test('an abort ends the whole group, and is waited for', async () => {
  const folder = await temporaryFolder();
  const controller = new AbortController();
  const run = runProcess(['sh', '-c', STUBBORN_TREE, folder], { signal: controller.signal });
  await poll(() => readPid(join(folder, 'pid')), { withinMs: 10_000, everyMs: 10 });
  controller.abort();
  await expect(run).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });
  await expectDead(join(folder, 'pid'));
});

test('an abort lets a process clean up', async () => {
  const folder = await temporaryFolder();
  const controller = new AbortController();
  const script = 'trap "echo cleaned > $0/done; exit 1" TERM; echo $$ > "$0/pid"; while :; do sleep 0.02; done';
  const run = runProcess(['sh', '-c', script, folder], { signal: controller.signal });
  await poll(() => readPid(join(folder, 'pid')), { withinMs: 10_000, everyMs: 10 });
  controller.abort();
  await expect(run).rejects.toMatchObject({ code: 'interrupted' });
  expect(await readFile(join(folder, 'done'), 'utf8')).toBe('cleaned\n');
});

test('an abort before the start starts nothing', async () => {
  const folder = await temporaryFolder();
  const run = runProcess(['touch', join(folder, 'file')], { signal: AbortSignal.abort() });
  await expect(run).rejects.toMatchObject({ code: 'interrupted' });
  await expect(readFile(join(folder, 'file'))).rejects.toThrow('ENOENT');
});

test('an error of the line callback ends the process and is thrown', async () => {
  const failure = new Error('cannot parse this line');
  const run = runProcess(['sh', '-c', 'echo line; sleep 600'], {
    onLine: () => {
      throw failure;
    },
  });
  await expect(run).rejects.toBe(failure);
});

test('a missing program and a missing folder are two errors', async () => {
  await expect(runProcess(['vmkit-no-such-program'])).rejects.toMatchObject({
    code: 'tool-missing',
    hint: expect.stringContaining('vmkit doctor'),
  });
  await expect(runProcess(['true'], { cwd: '/vmkit/no/such/folder' })).rejects.toMatchObject({
    code: 'tool-failed',
    message: expect.stringContaining('/vmkit/no/such/folder'),
  });
});

test('neither the environment nor the input appear in an error', async () => {
  const secret = 'hunter2hunter2';
  const options = { env: { PASSWORD: secret }, input: secret, withinMs: 50 };
  for (const argv of [['sleep', '600'], ['vmkit-no-such-program'], ['/']]) {
    const error: unknown = await runProcess(argv, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(VmkitError);
    expect(`${messageOf(error)} ${JSON.stringify(error)} ${String(error)}`).not.toContain(secret);
  }
});

/** Whether the process whose pid is in the file has gone; a zombie has. */
async function expectDead(pidFile: string): Promise<void> {
  const pid = readPid(pidFile);
  expect(pid).toBeDefined();
  const gone = await poll(() => (isAlive(pid) ? undefined : true), { withinMs: 5_000, everyMs: 10 });
  expect(gone).toBe(true);
}

function readPid(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number | undefined): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
