import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/cli/run.ts';
import { errorText, exitCodeOf } from '../../src/cli/show/error-text.ts';
import { isSystemError } from '../../src/core/errors/errors.ts';
import { dice } from '../support/run/dice.ts';
import { type Call, someCall } from './call.ts';
import { makeScene } from './scene.ts';

/** Runs calls of vmkit in this one process, each in a scene of its own, and writes what should not happen: worker.js SANDBOX SEED COUNT. */
const [sandbox = '', seedText = '', countText = ''] = process.argv.slice(2);
const theirs = join(sandbox, 'theirs');
const bins = ['works', 'fails', 'few'].map((name) => join(sandbox, 'bin', name));
/** A call that takes longer hangs: the tools are stand-ins. */
const LONGEST_MS = 60_000;
/** Then it is interrupted, as by Ctrl-C. */
const INTERRUPT_MS = 3_000;

const findings: string[] = [];
let stray: unknown;
for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(event, (error) => {
    stray = error;
  });
}

/** Opened before anything can use up all files that this process may have. */
const all = openSync(join(sandbox, 'findings', 'all.json'), 'w');
try {
  for (let at = 0; at < Number(countText); at += 1) await callOnce(Number(seedText) + at);
} catch (error) {
  findings.push(`The fuzzer itself failed: ${errorText(error)}, with ${openFiles()} files open`);
}
writeFileSync(all, JSON.stringify(findings));
process.exit(0);

async function callOnce(seed: number): Promise<void> {
  const choices = dice(seed);
  const root = join(sandbox, 'scenes', String(seed));
  mkdirSync(root, { recursive: true });
  makeScene(root, theirs, choices);
  const call = someCall(root, theirs, bins, choices);
  const finding = await outcomeOf(call, root);
  if (finding !== undefined) findings.push(`seed ${seed}: vmkit ${JSON.stringify(call)}\n${finding}`);
  process.umask(0o022);
  process.chdir(sandbox);
  endChildren();
  removeAll(root);
}

async function outcomeOf(call: Call, root: string): Promise<string | undefined> {
  stray = undefined;
  try {
    process.chdir(join(root, call.cwd));
  } catch {
    // A scene may have closed or removed it.
  }
  if (call.isCwdDeleted) {
    const gone = join(root, 'gone');
    mkdirSync(gone, { recursive: true });
    process.chdir(gone);
    rmSync(gone, { recursive: true });
  }
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, call.env);
  process.umask(call.umask);
  const taken = call.filesLeft === undefined ? [] : takeFiles(call.filesLeft);
  const interruption = new AbortController();
  const timer = setTimeout(() => interruption.abort(), INTERRUPT_MS);
  try {
    const exitCode = await within(run(call.argv, interruption.signal));
    if (exitCode === 70) return 'ended with 70';
  } catch (error) {
    if (exitCodeOf(error) === 70) return errorText(error);
  } finally {
    clearTimeout(timer);
    for (const file of taken) closeSync(file);
  }
  return stray === undefined || exitCodeOf(stray) !== 70 ? undefined : `stray: ${errorText(stray)}`;
}

async function within<T>(work: Promise<T>): Promise<T | 70> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<70>((resolve) => {
    timer = setTimeout(() => resolve(70), LONGEST_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** vmkit keeps shells for what is asked next, which end with it; this process makes the next call instead. Linux only. */
function endChildren(): void {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  for (const pid of children.split(' ').filter((text) => text !== '')) process.kill(Number(pid), 'SIGKILL');
}

/** Linux only. */
function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Opens files until only so many more can be opened. */
function takeFiles(left: number): number[] {
  const files: number[] = [];
  try {
    for (;;) files.push(openSync('/dev/null', 'r'));
  } catch {
    for (const file of files.splice(0, left)) closeSync(file);
    return files;
  }
}

/** Folders may be closed to their owner. */
function removeAll(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) {
      chmodSync(path, 0o700);
      for (const name of readdirSync(path)) removeAll(join(path, name));
    }
  } catch (error) {
    // A program that a call started may be removing its own files still.
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
  rmSync(path, { recursive: true, force: true });
}
