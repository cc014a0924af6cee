import { spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { build } from 'esbuild';
import { packageRoot } from '../../src/core/package-root.ts';

/** Nobody's, on any system that we know. */
const UID = 61_235;
/** What vmkit's scripts call of the system. */
const REAL =
  `sh bash flock getent realpath mktemp truncate cat ls stat rm mkdir chmod id uname test head tail dd cp mv ln find sort tr wc sed awk grep sleep
   true false env od df sync gzip zstd xz lz4 readlink touch printf tee cut sha256sum nproc date`.split(/\s+/);
const STAND_INS =
  `qemu-system-x86_64 qemu-system-aarch64 mmdebstrap mksquashfs mke2fs e2fsck resize2fs dumpe2fs gcc ld make ccache bc bison flex apt-get apt-cache dpkg
   dpkg-deb gpgv sudo ssh ip nft sysctl tailscale tailscaled nebula nebula-cert setpriv unshare newuidmap newgidmap go git tar cpio fuser ss pasta perl`.split(
    /\s+/,
  );

export interface FuzzResult {
  readonly count: number;
  readonly seed: number;
  /** Calls that ended with 70 or hung, each with its seed and what it said; and what changed where nothing should. */
  readonly findings: readonly string[];
}

/**
 * Calls vmkit `count` times with random words, files, modes and environment, in one process that is started as a user of its own without a network where we
 * are root. Nothing outside of a temporary folder is to change.
 */
export async function fuzz(count: number, seed: number): Promise<FuzzResult> {
  const sandbox = await mkdtemp(join(tmpdir(), 'vmkit-fuzz-'));
  try {
    await makeSandbox(sandbox);
    const before = await outside(sandbox);
    const said = await work(sandbox, [sandbox, String(seed), String(count)]);
    const after = await outside(sandbox);
    const changes = before === after ? [] : [`Outside of the sandbox:\n${before}\nbecame\n${after}`];
    return { count, seed, findings: [...found(sandbox, said), ...changes] };
  } finally {
    await rm(sandbox, { recursive: true, force: true });
  }
}

function found(sandbox: string, said: string): string[] {
  try {
    const findings: unknown = JSON.parse(readFileSync(join(sandbox, 'findings', 'all.json'), 'utf8'));
    return Array.isArray(findings) ? findings.map(String) : [];
  } catch {
    return [`The process that makes the calls ended early:\n${said.slice(-3000)}`];
  }
}

async function makeSandbox(sandbox: string): Promise<void> {
  const program = join(sandbox, 'vmkit');
  for (const name of ['package.json', 'kernel-configs', 'vm'])
    cpSync(join(packageRoot(), name), join(program, name), { recursive: true });
  await build({
    entryPoints: [join(packageRoot(), 'test', 'fuzz', 'worker.ts')],
    outfile: join(program, 'worker.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['ssh2'],
    logLevel: 'error',
    banner: {
      js: "import { createRequire as fuzzRequire } from 'node:module';\nconst require = fuzzRequire(import.meta.url);",
    },
  });
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const bin of ['works', 'fails', 'few']) {
    mkdirSync(join(sandbox, 'bin', bin), { recursive: true });
    for (const name of REAL) symlinkSync(await whereIs(name, folders), join(sandbox, 'bin', bin, name));
    if (bin === 'few') continue;
    for (const name of STAND_INS)
      writeFileSync(join(sandbox, 'bin', bin, name), `#!/bin/sh\nexit ${bin === 'works' ? 0 : 1}\n`, { mode: 0o755 });
  }
  const theirs = join(sandbox, 'theirs');
  mkdirSync(join(theirs, 'folder'), { recursive: true });
  mkdirSync(join(theirs, 'closed-folder'), { mode: 0o700 });
  for (const [name, mode] of [
    ['open', 0o644],
    ['closed', 0o600],
    ['folder/x', 0o644],
    ['closed-folder/x', 0o600],
  ] as const)
    writeFileSync(join(theirs, name), '{}', { mode });
  for (const name of ['scenes', 'findings']) {
    mkdirSync(join(sandbox, name));
    if (isRoot()) chownSync(join(sandbox, name), UID, UID);
  }
  chmodSync(sandbox, 0o755);
}

async function whereIs(name: string, folders: readonly string[]): Promise<string> {
  for (const folder of folders) if (await stat(join(folder, name)).catch(() => undefined)) return join(folder, name);
  return '/nowhere';
}

function work(sandbox: string, args: readonly string[]): Promise<string> {
  const own = [process.execPath, join(sandbox, 'vmkit', 'worker.js'), ...args];
  const asUser = ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups'];
  const limited = ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh', ...own];
  const [file = '', ...rest] = isRoot() ? ['unshare', '--net', ...asUser, ...limited] : limited;
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, { cwd: sandbox, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-10_000);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(`${said}\nexit code ${code}, signal ${signal}`));
  });
}

/** What a call could have made or changed: where everybody may write, and what is somebody else's. Only root's fuzz has a user whose files these are. His folder for connections by ssh is meant to be there. */
async function outside(sandbox: string): Promise<string> {
  if (!isRoot()) return '';
  const lines: string[] = [];
  for (const folder of ['/tmp', '/var/tmp', '/dev/shm', '/run', '/run/lock']) {
    for (const name of await readdir(folder).catch(() => [])) {
      const facts = await stat(join(folder, name)).catch(() => undefined);
      if (facts?.uid === UID && name !== `vmkit-ssh-${UID}`) lines.push(join(folder, name));
    }
  }
  const theirs = join(sandbox, 'theirs');
  for (const name of await readdir(theirs, { recursive: true })) {
    const { size, mode, mtimeMs } = await stat(join(theirs, name));
    lines.push(`${name} ${size} ${mode.toString(8)} ${mtimeMs}`);
  }
  return lines.sort().join('\n');
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
