import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** One line of the table: what was measured, what it came to, what was to be reached. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly reach: string;
  readonly met: boolean;
  /** How it was measured, in a few words. */
  readonly how: string;
}

/** A group of figures that are taken in one run, side by side. */
export interface Measure {
  readonly name: string;
  readonly run: () => Promise<readonly Row[]>;
}

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export interface Timed {
  readonly seconds: number;
  readonly stdout: string;
}

/** Runs a program to its end. Throws with the end of its output when it fails. */
export async function time(argv: readonly string[], env: Record<string, string> = {}, cwd?: string): Promise<Timed> {
  const [file = '', ...args] = argv;
  const start = performance.now();
  const child = spawn(file, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code]: unknown[] = await once(child, 'close');
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${String(code)}:\n${stderr.slice(-2000)}`);
  return { seconds, stdout };
}

/** Runs vmkit as a person would, with --json. */
export async function vmkit(args: readonly string[], env: Record<string, string> = {}): Promise<Timed> {
  return time([process.execPath, MAIN, ...args, '--json'], env);
}

/** The median of several runs, in seconds. */
export async function median(runs: number, once: () => Promise<number>): Promise<number> {
  const all: number[] = [];
  for (let run = 0; run < runs; run += 1) all.push(await once());
  all.sort((a, b) => a - b);
  return all[Math.floor(all.length / 2)] ?? Number.NaN;
}

/** Medians of two measurements that are taken in turn, so that a noisy machine hits both alike. */
export async function medianOfPairs(
  runs: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<{ readonly ours: number; readonly theirs: number }> {
  const pairs: { ours: number; theirs: number }[] = [];
  for (let run = 0; run < runs; run += 1) pairs.push({ ours: await ours(), theirs: await theirs() });
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? Number.NaN;
  return { ours: middle(pairs.map((pair) => pair.ours)), theirs: middle(pairs.map((pair) => pair.theirs)) };
}

/** Polls a growing file every 2 ms until it holds `text`; returns the moment (performance.now()), undefined after the deadline. */
export async function momentOf(file: string, text: string, withinSeconds: number): Promise<number | undefined> {
  const deadline = performance.now() + withinSeconds * 1000;
  while (performance.now() < deadline) {
    const content = await readFile(file, 'utf8').catch(() => '');
    if (content.includes(text)) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return undefined;
}

export function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} s`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
