import { VmkitError } from '../../core/errors/errors.ts';
import { feedCommand } from '../../guest/ssh/transfer.ts';
import type { Context } from '../../host/context.ts';
import { guestAddress, withGuest } from '../../machine/guest.ts';
import {
  COUNT_IMPORTED,
  emptyForgejo,
  LOAD_DATABASE,
  lookAtForgejo,
  NO_ROOM,
  placeForgejo,
  TAKE_FOLDERS,
} from '../../spec/services/forgejo/forgejo-import.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { runStep, type VerbContext } from '../step.ts';
import { type Arrived, compareRows, readLook } from './compare.ts';
import { fileOfDump, treeOfDump } from './dump-archive.ts';
import { tooLarge } from './fit-size.ts';
import type { Fit } from './fit-version.ts';
import type { Dump } from './read-dump.ts';

const WITHIN_MS = 24 * 3_600_000;
const LOGIN_MS = 60_000;

/** Fills a running machine without Forgejo, of folders apart, with what a dump has, and compares. Throws `import-failed`, `dump-too-large`. */
export async function fillForgejo(
  spec: VmSpec,
  dump: Dump,
  { keepsMigrations, neededBytes }: Fit & { readonly neededBytes: number },
  context: VerbContext,
): Promise<Arrived> {
  const { name } = spec;
  const step = (title: string, run: (inner: Context) => Promise<string>): Promise<string> =>
    runStep({ title, run }, context);
  await step(`make room in ${name}`, async (inner) => {
    const { exitCode, stdout, stderr } = await inGuest(name, emptyForgejo(keepsMigrations, neededBytes), inner);
    const [, free] = /^room (\d+)$/m.exec(stderr) ?? [];
    if (exitCode === NO_ROOM && free !== undefined) throw tooLarge(spec, neededBytes, Number(free));
    return must(exitCode, stdout, stderr);
  });
  await step(`database of ${dump.file}`, async (inner) => {
    await feed(name, LOAD_DATABASE, fileOfDump(dump.file, dump.sqlName, inner.signal), dump.sqlBytes, inner);
    const { exitCode, stdout, stderr } = await inGuest(name, COUNT_IMPORTED, inner);
    compareRows(dump.database.rows, must(exitCode, stdout, stderr));
    return '';
  });
  await step(`files of ${dump.file}`, async (inner) => {
    await feed(name, TAKE_FOLDERS, treeOfDump(dump.file, inner.signal), dump.fileBytes, inner);
    return '';
  });
  await step(`Forgejo of ${name} takes it over`, async (inner) => {
    const { exitCode, stdout, stderr } = await inGuest(name, placeForgejo(keepsMigrations), inner);
    return must(exitCode, stdout, stderr);
  });
  const look = await step(`look at what is in ${name} now`, async (inner) => {
    const { exitCode, stdout, stderr } = await inGuest(name, lookAtForgejo(), inner);
    return must(exitCode, stdout, stderr);
  });
  return readLook(look, dump.database.rows);
}

interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function inGuest(name: string, script: string, context: Context): Promise<Said> {
  // What Forgejo's doctor calls an error stays on the screen; it is no reason to refuse what the old server had as well.
  const onLine = (text: string): void => context.report({ kind: text.includes('[E]') ? 'note' : 'phase', text });
  return withGuest(
    name,
    context,
    (guest) => guest.exec(['sh', '-euc', script], { withinMs: WITHIN_MS, signal: context.signal, onLine }),
    LOGIN_MS,
  );
}

/** A hundred times at most it says how far it is. */
async function feed(
  name: string,
  script: string,
  from: AsyncIterable<Uint8Array>,
  total: number,
  context: Context,
): Promise<void> {
  let told = 0;
  const onBytes = (done: number): void => {
    if (done - told < total / 100) return;
    told = done;
    context.report({ kind: 'count', done: Math.min(done, total), total, unit: 'bytes' });
  };
  const { signal } = context;
  await feedCommand(await guestAddress(name, context), ['sh', '-euc', script], from, { signal, onBytes });
}

function must(exitCode: number, stdout: string, stderr: string): string {
  if (exitCode === 0) return stdout;
  const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-20).join('\n');
  throw new VmkitError('boot', 'import-failed', `In a guest with a copy of the disk that failed:\n${said}`, {
    hint: 'The machine is as it was.',
  });
}
