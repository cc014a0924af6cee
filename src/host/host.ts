/** What a machine that runs commands for us is. */
export interface HostFacts {
  /** As `uname -m` says it: x86_64, aarch64. */
  readonly machine: string;
  readonly cpus: number;
  readonly isRoot: boolean;
}

/** What a command may print, in bytes: more is `output-too-long`. */
export const LONGEST_OUTPUT = 64 * 1024 * 1024;

/** In bytes: far more than any file that vmkit reads whole, apart from kernels. */
export const LONGEST_FILE = 64 * 1024 * 1024;

export interface ExecOptions {
  cwd?: string | undefined;
  /** Added to what every child gets of our environment (child-environment.ts). */
  env?: Readonly<Record<string, string>> | undefined;
  /** Standard input; none when absent. */
  input?: string | Uint8Array | undefined;
  /** Milliseconds until the process is ended and `tool-timeout` is thrown. Default: 10 minutes. */
  withinMs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called with each line of standard output and error as it appears. */
  onLine?: ((line: string) => void) | undefined;
  /** Standard output goes to this file instead of `stdout`. */
  stdoutFile?: string | undefined;
}

export interface ExecResult {
  /** 128 + N after signal N. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A place where commands run and files are: this machine, a machine behind ssh, a guest.
 * A non-zero exit is a value. A missing program, a passed deadline or a lost connection throws VmkitError.
 */
export interface Host {
  readonly name: string;
  facts(): Promise<HostFacts>;
  /** Runs a command without a shell, waits for it, returns what it printed. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** The file's bytes, or undefined if there is none. Throws `file-too-long` past `maxBytes` (default LONGEST_FILE), `not-a-file` for a folder or a device. */
  read(path: string, maxBytes?: number): Promise<Uint8Array | undefined>;
  /** Writes a file whole or not at all (temporary file, fsync, rename). Creates parent folders. Default mode 0644. */
  write(path: string, content: string | Uint8Array, mode?: number): Promise<void>;
}
