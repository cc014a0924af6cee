import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { packageRoot } from '../../src/core/package-root.ts';

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Cli {
  /** Runs `vmkit ARGS` as it is shipped, with its folders below `home`, without a terminal. */
  readonly run: (args: readonly string[], home: string, env?: Readonly<Record<string, string>>) => Promise<Ended>;
  readonly start: (args: readonly string[], home: string) => ChildProcess;
}

/** vmkit, bundled once per test file into a folder of its own: never into dist, which somebody may be running. */
export function bundledCli(): Cli {
  let folder = '';
  beforeAll(async () => {
    // Below the package, so that the bundle finds what ships with it.
    const parent = join(packageRoot(), 'node_modules', '.cache');
    await mkdir(parent, { recursive: true });
    folder = await mkdtemp(join(parent, 'vmkit-test-'));
    await promisify(execFile)(process.execPath, ['scripts/build.mjs', folder], { cwd: packageRoot() });
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const start = (args: readonly string[], home: string, env: Readonly<Record<string, string>> = {}): ChildProcess =>
    spawn(process.execPath, [join(folder, 'main.js'), ...args], {
      cwd: home,
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        // A test's own server of adb.
        ANDROID_ADB_SERVER_PORT: process.env['ANDROID_ADB_SERVER_PORT'],
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  return { start, run: async (args, home, env) => ended(start(args, home, env)) };
}

/** What a process printed, and how it ended. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return { exitCode, ...texts };
}
