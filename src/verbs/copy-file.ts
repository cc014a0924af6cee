import { basename, join, resolve } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';
import { NAME } from '../core/text/names.ts';
import { receiveFile, sendFile } from '../guest/ssh/transfer.ts';
import { readPieces, writePieces } from '../host/local/files/file-streams.ts';
import { guestAddress, withGuest } from '../machine/guest.ts';
import { machineName } from './machine-name.ts';
import { runStep, type VerbContext } from './step.ts';

/** `FILE`, or `NAME:PATH` in a machine. */
type End =
  | { readonly kind: 'here'; readonly path: string }
  | { readonly kind: 'guest'; readonly name: string; readonly path: string };

export interface CopiedFile {
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
}

/** A colon after what may be a machine's name; `./a:b` is a file here. Pure. */
export function parseEnd(text: string): End {
  const [, name = '', path = ''] = /^([^:/]*):(.*)$/s.exec(text) ?? [];
  return NAME.test(name) && path !== '' ? { kind: 'guest', name, path } : { kind: 'here', path: text };
}

/** Copies one file into a machine that runs, or out of it: whole or not at all, with its mode. Throws `bad-usage`, `file-missing`, `guest-command-failed`. */
export async function copyFile(from: string, to: string, context: VerbContext): Promise<CopiedFile> {
  const [source, target] = [parseEnd(from), parseEnd(to)];
  if (source.kind === target.kind) {
    throw new VmkitError('usage', 'bad-usage', 'One of the two is in a machine, and the other is here.', {
      hint: 'vmkit cp FILE NAME:PATH, or vmkit cp NAME:PATH FILE',
    });
  }
  const copy = source.kind === 'here' ? send : receive;
  const guest = source.kind === 'guest' ? source : target;
  const here = source.kind === 'here' ? source : target;
  if (guest.kind !== 'guest') throw new TypeError('A copy without a machine.');
  await machineName(guest.name, context);
  return runStep(
    {
      title: `${from} to ${to}`,
      run: async (inner) => ({ from, to, bytes: await copy(here.path, guest, { ...context, ...inner }) }),
    },
    context,
  );
}

type InGuest = Extract<End, { kind: 'guest' }>;

async function send(file: string, { name, path }: InGuest, context: VerbContext): Promise<number> {
  const full = resolve(file);
  const facts = await context.builder.host.stat(full);
  if (facts?.kind !== 'file') throw noFile(file, facts === undefined);
  const address = await guestAddress(name, context);
  const from = { from: readPieces(full), name: basename(full), bytes: facts.bytes, mode: facts.mode & 0o777 };
  await sendFile(address, from, path, progress(facts.bytes, context));
  return facts.bytes;
}

async function receive(file: string, { name, path }: InGuest, context: VerbContext): Promise<number> {
  const { exitCode, stdout, stderr } = await withGuest(name, context, (guest) =>
    guest.exec([
      'sh',
      '-c',
      '[ ! -d "$1" ] || { echo "it is a folder" >&2; exit 1; }; stat -L -c "%s %a" -- "$1"',
      'sh',
      path,
    ]),
  );
  if (exitCode !== 0) throw new VmkitError('usage', 'guest-command-failed', `${name}:${path}: ${stderr.trim()}`);
  const [bytes = '0', mode = '644'] = stdout.trim().split(' ');
  const place = resolve(file);
  const isFolder = (await context.builder.host.stat(place))?.kind === 'folder';
  const address = await guestAddress(name, context);
  await writePieces(isFolder ? join(place, basename(path)) : place, Number.parseInt(mode, 8) & 0o777, (to) =>
    receiveFile(address, path, to, progress(Number(bytes), context)),
  );
  return Number(bytes);
}

function progress(total: number, { signal, report }: VerbContext) {
  let told = 0;
  return {
    signal,
    onBytes: (done: number): void => {
      // A hundred times at most.
      if (done < total && done - told < total / 100) return;
      told = done;
      report({ kind: 'count', done, total, unit: 'bytes' });
    },
  };
}

function noFile(file: string, isMissing: boolean): VmkitError {
  const what = isMissing ? 'is not there' : 'is no file';
  return new VmkitError('usage', 'file-missing', `${file} ${what}.`, {
    hint: 'A folder goes through tar: tar -c FOLDER | vmkit exec NAME -- tar -x -C /data',
  });
}
