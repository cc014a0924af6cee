import type { Duplex } from 'node:stream';
import type { Paths } from '../core/paths.ts';
import type { HostEndpoint } from './endpoint.ts';

/** What a machine that runs commands for us is. */
export interface HostFacts {
  /** As `uname -m` says it: x86_64, aarch64. */
  readonly machine: string;
  readonly cpus: number;
  readonly isRoot: boolean;
}

/** What a command may print, in bytes: more is `output-too-long`. */
export const LONGEST_OUTPUT: number = 64 * 1024 * 1024;

/** In bytes: far more than any file that vmkit reads whole, apart from kernels. */
export const LONGEST_FILE: number = 64 * 1024 * 1024;

/** Where things are kept there, and which start of its system this is. */
export interface HostPlace {
  /** `uname -sr`: Linux 6.12.9. */
  readonly system: string;
  /** Another one after each start of the system (random(4)). */
  readonly bootId: string;
  /** Of the user as whom we are there. */
  readonly uid: number;
  readonly home: string;
  readonly paths: Paths;
}

export interface ExecOptions {
  cwd?: string | undefined;
  /** Added to what every child gets of our environment (child-environment.ts); in no command line, here or there. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Standard input; none when absent. */
  input?: string | Uint8Array | undefined;
  /** Milliseconds until the process is ended and `tool-timeout` is thrown. Default: 10 minutes. */
  withinMs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called with each line of standard output and error as it appears. */
  onLine?: ((line: string) => void) | undefined;
  /** Called with each piece of standard output, which is then not in `stdout`: for bytes, and for much. */
  onOutput?: ((bytes: Uint8Array) => void) | undefined;
  /** More output than this ends the command and throws `output-too-long`. Default: 64 MiB. */
  maxBytes?: number | undefined;
}

export interface ExecResult {
  /** 128 + N after signal N. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that lives on when vmkit, or the connection, ends. Pid and start time are this very process, until the system starts again. */
export interface HostProcess {
  readonly pid: number;
  /** Clock ticks from the start of the system to the start of the process: field 22 of /proc/PID/stat (proc_pid_stat(5)). */
  readonly startTime: number;
  /** Absent for a process that is known from this start of the system only. */
  readonly bootId?: string | undefined;
}

export interface StartOptions {
  /** Standard output and error go to its end; created with mode 0600, its folder too. */
  readonly logFile: string;
  readonly cwd?: string | undefined;
  /** As for `exec`: a way for a secret. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Standard input, handed over before `start` is back; a process that ends early need not read it. None when absent. */
  readonly input?: Uint8Array | undefined;
}

/** A log that another process writes and rotates (machine/vmm/launch/recorder.ts), read from the start of what is kept. */
export interface LogReader {
  /** The whole lines that came since the last call, as they are read; none while there is no file. */
  lines(): AsyncGenerator<string, void>;
  close(): Promise<void>;
}

export interface FileFacts {
  readonly kind: 'file' | 'folder' | 'socket' | 'other';
  readonly bytes: number;
  /** What it takes on the disk: less than `bytes` where it has holes. */
  readonly bytesOnDisk: number;
  /** Permission bits: 0o644. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since 1970, in whole seconds. */
  readonly changedAt: number;
}

export interface PushOptions {
  readonly mode?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the file that are dealt with, of all of them; more than once for a push that has to start again. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Pushed {
  readonly sha256: string;
  /** 0 when the same content was there already; less than the file where a former push was cut off, or the file has holes. */
  readonly sentBytes: number;
}

export interface LockOptions {
  /** Milliseconds until waiting for another holder is given up with `lock-busy`. Default: 1 hour. */
  readonly withinMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once, with the holder's purpose, when there is something to wait for. */
  readonly onWait?: ((holder: string) => void) | undefined;
}

/** A lock that is ours until it is released, or until we, or the connection, end. */
export interface HeldLock {
  /** Aborted when the connection that holds it was lost: what it protects may be another's now. The reason is the error. */
  readonly lost: AbortSignal;
  /** Back when others can have it. */
  release(): Promise<void>;
}

/** How this computer's packets get to a host. */
export interface HostAddress {
  /** A name or an address; 127.0.0.1 for this computer. */
  readonly name: string;
  /** False where ssh goes through another computer: nothing but ssh may reach that name from here. */
  readonly isDirect: boolean;
}

/**
 * A place where commands run and files are: this machine, a machine behind ssh. Paths are absolute.
 * A non-zero exit is a value. A missing program, a passed deadline, a full disk or a lost connection throws VmkitError.
 */
export interface Host {
  readonly name: string;
  /** Whether it is the computer that vmkit runs on. */
  readonly isHere: boolean;
  facts(): Promise<HostFacts>;
  place(): Promise<HostPlace>;
  /** Where its ports are, those beside ssh's. */
  address(): Promise<HostAddress>;
  /** Which of these programs are there. */
  programs(names: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * Runs a command without a shell, waits for it, returns what it printed. A passed deadline, an aborted signal or a lost connection ends the command and all it
   * started, there too.
   */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a process that lives on, in a session of its own. Says nothing about how it fares: ask `isRunning`. */
  start(argv: readonly string[], options: StartOptions): Promise<HostProcess>;
  /** Whether this very process still runs; a zombie does not. */
  isRunning(process: HostProcess): Promise<boolean>;
  /** Sends a signal to this very process; false when it does not run any more. */
  signal(process: HostProcess, signal: NodeJS.Signals): Promise<boolean>;

  /** The file's bytes, or undefined if there is none. Throws `file-too-long` past `maxBytes` (default LONGEST_FILE), `not-a-file` for a folder or a device. */
  read(path: string, maxBytes?: number): Promise<Uint8Array | undefined>;
  /** Writes a file whole or not at all (temporary file, fsync, rename). Creates parent folders. Default mode 0644. */
  write(path: string, content: string | Uint8Array, mode?: number): Promise<void>;
  /**
   * Copies a file of this machine to that host: whole or not at all, holes stay holes, nothing is sent that is there already, and what was cut off goes on where it was.
   * Only one push writes to a path at a time. Default mode 0644.
   */
  push(localFile: string, path: string, options?: PushOptions): Promise<Pushed>;
  /** What is in the file from this byte on, and what comes; goes on with a new file of that name, and from the start where it was cut. Ends with the signal. */
  follow(path: string, options: { from?: number; signal: AbortSignal }): AsyncIterable<Uint8Array>;
  /** Reads a log that is rotated: `path` is the newest file, and the one before it has `.1` at its end. */
  log(path: string): LogReader;
  /**
   * The one rule of which file is believed: it and each folder on the way to it, behind symbolic links too, belongs to the host's user or to root, and nobody
   * else may write there. A folder such as /tmp, where all write but each renames his own only (sticky), is a fit parent. Throws `not-ours`. What is not
   * there is not judged, the folders where it would be are.
   */
  requireOurs(path: string): Promise<void>;
  /** Reads the text (UTF-8) of a file that is believed: pids that are ended, commands that run as root. Undefined if there is none. Throws `not-ours`. */
  readOurs(path: string): Promise<string | undefined>;
  /** Names in a folder, in no order; undefined if there is none. */
  list(folder: string): Promise<readonly string[] | undefined>;
  /** Of what a link leads to; undefined if there is nothing. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** The same for many, in their order. */
  statAll(paths: readonly string[]): Promise<readonly (FileFacts | undefined)[]>;
  /** Makes a folder, and its parents with the usual mode. Nothing happens to one that is there but its mode. */
  makeFolder(path: string, mode: number): Promise<void>;
  /** Removes a file or a folder with all that is in it. Nothing there is no error. Throws `remove-refused` for what cannot be meant. */
  remove(path: string): Promise<void>;
  /** Bytes that are free where this path is, or will be. */
  freeBytes(path: string): Promise<number>;

  /** Takes a lock that no other has, from whatever computer it works on that host. `purpose` is what others are told who wait: `vmkit boot sql`. */
  lock(path: string, purpose: string, options?: LockOptions): Promise<HeldLock>;
  /** A TCP port of its 127.0.0.1 that nobody listens on now. */
  freePort(): Promise<number>;
  /** A connection to a server there, or one that it reaches. One that nobody takes ends without a byte, or with an error. vsock: on a phone alone. */
  open(to: HostEndpoint): Promise<Duplex>;
}
