import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  chown,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../../src/core/package-root.ts';
import { editShared } from '../../../src/host/local/shared-file/edit-shared.ts';
import { linesOutside } from '../../../src/tailnet/hosts/hosts-text.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** `VMKIT_HOSTS_EDITS=10000` for the figure. */
const EDITS = Number(process.env['VMKIT_HOSTS_EDITS'] ?? 30);
/** The file is begun anew after so many edits, so that its length stays that of a hosts file. */
const ROUND = 250;
const NEVER = new AbortController().signal;
const isRoot = process.getuid?.() === 0;

describe('a file that others write, too', () => {
  test('owner and mode stay; nothing is left beside it', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'hosts');
    await writeFile(file, '127.0.0.1 localhost\n');
    await chmod(file, 0o664);
    if (isRoot) await chown(file, 61_234, 61_235);
    expect(await editShared(file, (text) => `${text}10.0.0.1 printer\n`.repeat(text.length < 30 ? 1 : 0), NEVER)).toBe(
      true,
    );
    expect(await stat(file)).toMatchObject({ mode: 0o100664, ...(isRoot ? { uid: 61_234, gid: 61_235 } : {}) });
    expect(await readdir(folder)).toEqual(['hosts']);
  });

  test('extended attributes stay, as the label of SELinux is one; the file is newer than it was', async ({ skip }) => {
    const file = join(await temporaryFolder(), 'hosts');
    await writeFile(file, 'a\n');
    const attribute = (script: string) =>
      execa('python3', ['-c', `import os, sys; ${script}`, file], { reject: false, stripFinalNewline: false });
    const set = await attribute('os.setxattr(sys.argv[1], "user.label", b"hosts_t")');
    if (set.exitCode !== 0) return skip('no python3, or no extended attributes here');
    await utimes(file, 1, 1);
    expect(await editShared(file, () => 'b\n', NEVER)).toBe(true);
    expect((await attribute('print(os.getxattr(sys.argv[1], "user.label"))')).stdout).toBe("b'hosts_t'\n");
    expect(await readFile(file, 'utf8')).toBe('b\n');
    expect((await stat(file)).mtimeMs).toBeGreaterThan(1_000_000);
  });

  test('an edit that changes nothing writes nothing', async () => {
    const file = join(await temporaryFolder(), 'hosts');
    await writeFile(file, 'a\n');
    const before = await stat(file);
    expect(await editShared(file, (text) => text, NEVER)).toBe(false);
    expect((await stat(file)).ino).toBe(before.ino);
  });

  test('who had the old file open and writes to it later is heard', async () => {
    const file = join(await temporaryFolder(), 'hosts');
    await writeFile(file, 'one\n');
    const slow = spawn('sh', ['-c', 'exec 3>>"$0"; echo open; sleep 0.4; echo late >&3', file]);
    await once(slow.stdout, 'data');
    await editShared(file, byLine, NEVER);
    expect(await readFile(file, 'utf8')).toBe('one\nlate\nours\n');
  });

  test('what a call that was killed had not brought in is brought in by the next', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'hosts');
    const aside = join(folder, '.hosts.vmkit');
    await writeFile(file, 'one\nours\n');
    await execa('mkdir', [aside]);
    await writeFile(join(aside, '3.base'), 'one\n');
    await writeFile(join(aside, '3.text'), 'one\nfrom between\n');
    await editShared(file, byLine, NEVER);
    expect((await readFile(file, 'utf8')).split('\n').sort()).toEqual(['', 'from between', 'one', 'ours']);
    expect(await readdir(folder)).toEqual(['hosts']);
  });

  test.skipIf(!isRoot)('a file that is a mount point, as in containers, is written in place', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'hosts');
    const behind = join(folder, 'behind');
    const program = join(folder, 'edit.mjs');
    await bundle(program);
    await writeFile(file, '');
    await writeFile(behind, `127.0.0.1 localhost\n${'# long\n'.repeat(40)}`);
    const script = 'mount --bind "$1" "$2" && exec "$3" "$4" "$2" 2';
    await execa('unshare', ['-m', 'sh', '-c', script, 'sh', behind, file, process.execPath, program]);
    const text = await readFile(behind, 'utf8');
    expect(text).toContain('web.tailnet.test web-1');
    expect(linesOutside(text)).toEqual(['127.0.0.1 localhost', ...Array(40).fill('# long')]);
    expect((await readdir(folder)).sort()).toEqual(['behind', 'edit.mjs', 'hosts']);
  });
});

function byLine(text: string, missed: readonly { readonly from: string; readonly to: string }[]): string {
  const theirs = missed.flatMap(({ from, to }) => to.split('\n').filter((line) => !from.includes(line)));
  return [
    ...new Set([...text.split('\n').filter((line) => line !== '' && line !== 'ours'), ...theirs, 'ours']),
    '',
  ].join('\n');
}

async function bundle(outfile: string): Promise<void> {
  const entry = join(packageRoot(), 'test', 'support', 'hosts', 'edit-forever.ts');
  // As scripts/build.mjs does: a bundled library may be CommonJS.
  const js = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";
  const banner = { js };
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner,
  });
}

describe(`${EDITS} edits with kills and writers beside`, () => {
  let folder = '';
  let program = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmkit-test-'));
    program = join(folder, 'edit.mjs');
    await bundle(program);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('no line is lost', { timeout: 120_000 + EDITS * 400 }, async () => {
    const file = join(await temporaryFolder(), 'hosts');
    const told = { edits: 0, kills: 0, lines: 0 };
    while (told.edits < EDITS) {
      await writeFile(file, '127.0.0.1 localhost\n');
      const until = Math.min(EDITS, told.edits + ROUND);
      const stop = new AbortController();
      const writing = writeBeside(file, stop.signal);
      try {
        while (told.edits < until) await editAndKill(program, file, until, told);
      } finally {
        stop.abort();
        await writing;
      }
      const lines = await writing;
      await execa(process.execPath, [program, file, '1']);
      const there = new Set(linesOutside(await readFile(file, 'utf8')));
      expect(lines.filter((line) => !there.has(line))).toEqual([]);
      told.lines += lines.length;
    }
    console.info(`${told.edits} edits, ${told.kills} kills, ${told.lines} lines of others`);
    expect(told.lines).toBeGreaterThan(EDITS / 10);
    expect(told.kills).toBeGreaterThan(0);
  });
});

/** Lets an editor work, and kills it at any moment. */
async function editAndKill(
  program: string,
  file: string,
  until: number,
  told: { edits: number; kills: number },
): Promise<void> {
  const editor: ChildProcess = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(editor, 'close');
  const more = 1 + Math.floor(Math.random() * 20);
  let seen = 0;
  editor.stdout?.on('data', (text: Buffer) => {
    seen += text.toString().split('\n').length - 1;
    // Not at the end of an edit, but somewhere in the next.
    if (seen >= more || told.edits + seen >= until) setTimeout(() => editor.kill('SIGKILL'), Math.random() * 15);
  });
  const [, signal] = await closed;
  if (signal !== 'SIGKILL') throw new Error('The editor ended by itself.');
  told.edits += seen;
  told.kills++;
}

/** Others, one after another: each loses nothing of the one before. Returns the lines that they wrote. */
async function writeBeside(file: string, stop: AbortSignal): Promise<readonly string[]> {
  const lines: string[] = [];
  const ways = [
    (line: string) => appendFile(file, `${line}\n`),
    async (line: string) => {
      const slow = await open(file, 'a');
      await sleep(3);
      await slow.write(`${line}\n`);
      await slow.close();
    },
    async (line: string) => {
      await writeFile(`${file}.other`, `${await readFile(file, 'utf8')}${line}\n`);
      await rename(`${file}.other`, file);
    },
    async (line: string) => void (await execa('sed', ['-i', `1a${line}`, file])),
    async (line: string) => void (await execa('sh', ['-c', 'echo "$1" >>"$0"', file, line])),
  ];
  while (!stop.aborted) {
    const line = `10.0.${lines.length % 250}.1 other-${lines.length}`;
    await ways[lines.length % ways.length]?.(line);
    lines.push(line);
    await sleep(Math.random() * 300);
  }
  return lines;
}
