import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll } from 'vitest';
import { packageRoot } from '../../src/core/package-root.ts';
import { type MachinePaths, machinePaths, type Paths, resolvePaths } from '../../src/core/paths.ts';
import { localHost } from '../../src/host/local/local.ts';
import { endProcess, isRunning } from '../../src/host/local/process/background.ts';
import { type MachineState, readState } from '../../src/machine/state/state.ts';
import { qmpCommand } from '../../src/machine/vmm/qemu/qmp.ts';

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Its standard input stays open, for what is typed later. */
  readonly isTyped?: boolean;
  /** Not in the sandbox's network namespace: for what fetches packages. */
  readonly isOutside?: boolean;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A place of its own for machines: state and data are new, artifacts are shared with all runs. The current folder holds `vm/`. */
export interface Sandbox {
  readonly folder: string;
  readonly paths: Paths;
  /** The bundled program, for `node`. */
  readonly program: string;
  /** Root file system and components of a machine, outside the sandbox's namespace: there is no network in it. */
  prebuild(name: string): Promise<void>;
  /** Runs the bundled program as a person would, and waits for it. */
  vmkit(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** The same without waiting. */
  start(args: readonly string[], options?: RunOptions): Running;
  /** The result of `--json`; throws with standard error when the exit code is not 0. */
  json(args: readonly string[]): Promise<unknown>;
  define(name: string, yaml: string): Promise<void>;
  machine(name: string): MachinePaths;
  state(name: string): Promise<MachineState | undefined>;
  /** kill -9, as a power cut is for the guest. */
  killQemu(name: string): Promise<void>;
}

/** `VMKIT_TEST_KERNEL=debian` gives another kernel to machines that a test defines. */
const kernel = process.env['VMKIT_TEST_KERNEL'];

/** The first boot on a slow machine compiles a kernel: 20 minutes have been seen on two cores. */
const LONGEST_RUN_MS = 2_400_000;

/**
 * Call it at the top of a test file. vmkit's own kernel is built first, so that every boot of the file takes that one; not with `hasOwnKernel` false.
 * `namespace`: the network namespace in which it all runs. Whatever still runs when its tests have ended is ended, and only that.
 */
export function useSandbox(namespace?: string, { hasOwnKernel = true }: { hasOwnKernel?: boolean } = {}): Sandbox {
  const program = join(packageRoot(), 'node_modules', `.vmkit-e2e-${process.pid}`);
  let folder = '';
  const env = (): Record<string, string> => ({
    XDG_STATE_HOME: join(folder, 's'),
    XDG_DATA_HOME: join(folder, 'd'),
    XDG_CACHE_HOME: join(resolvePaths().cache, '..'),
    NO_COLOR: '1',
  });
  const start = (args: readonly string[], options: RunOptions = {}): Running => {
    const enter = namespace === undefined || options.isOutside === true ? [] : ['ip', 'netns', 'exec', namespace];
    const [first = '', ...rest] = [...enter, process.execPath, join(program, 'main.js'), ...args];
    const child = spawn(first, rest, {
      cwd: folder,
      env: { ...process.env, ...env(), ...options.env },
      timeout: LONGEST_RUN_MS,
    });
    child.stdin.on('error', () => undefined).write(options.input ?? '');
    if (options.isTyped !== true) child.stdin.end();
    return { process: child, ended: collect(child) };
  };
  const succeed = async (args: readonly string[]): Promise<void> => {
    const { exitCode, stderr } = await start(args, { isOutside: true }).ended;
    if (exitCode !== 0) throw new Error(stderr);
  };
  const sandbox: Sandbox = {
    get folder() {
      return folder;
    },
    get paths() {
      return resolvePaths({ ...process.env, ...env() });
    },
    program: join(program, 'main.js'),
    prebuild: async (name) => {
      await succeed(['build-image', name]);
    },
    vmkit: (args, options) => start(args, options).ended,
    start,
    json: async (args) => {
      const { exitCode, stdout, stderr } = await start([...args, '--json']).ended;
      if (exitCode !== 0) throw new Error(`vmkit ${args.join(' ')} ended with ${exitCode}:\n${stderr}`);
      return JSON.parse(stdout);
    },
    define: async (name, yaml) => {
      await mkdir(join(folder, 'vm', name), { recursive: true });
      const own = kernel === undefined || /^kernel:/m.test(yaml) ? '' : `kernel: ${kernel}\n`;
      await writeFile(join(folder, 'vm', name, 'vm.yaml'), `name: ${name}\n${own}${yaml}`);
    },
    machine: (name) => machinePaths(sandbox.paths, name),
    state: (name) => readState(sandbox.machine(name), { host: localHost() }),
    killQemu: async (name) => {
      const state = await sandbox.state(name);
      if (state === undefined || !endProcess(state, 'SIGKILL')) throw new Error(`${name} does not run.`);
      while (isRunning(state)) await new Promise((resolve) => void setTimeout(resolve, 20));
    },
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmkit-e2e-'));
    await execa(process.execPath, ['scripts/build.mjs', program], { cwd: packageRoot() });
    if (hasOwnKernel && kernel === undefined) await succeed(['build-kernel']);
  });
  afterAll(async () => {
    await endMachines(sandbox);
    await rm(program, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });
  return sandbox;
}

async function endMachines(sandbox: Sandbox): Promise<void> {
  const names = await readdir(join(sandbox.paths.state, 'machines')).catch(() => []);
  for (const name of names) {
    const state = await sandbox.state(name);
    if (state !== undefined) endProcess(state, 'SIGKILL');
    await qmpCommand(sandbox.machine(name).controlSocket, 'quit', localHost(), 2_000).catch(() => undefined);
  }
}

function collect(child: ChildProcess): Promise<Ended> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({
        exitCode: code ?? -1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
}
