import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { writePieces } from '../../host/local/files/file-streams.ts';
import { copyOfStopped } from '../../machine/disks/copy-of-running.ts';
import type { VerbContext } from '../step.ts';

const LONGEST_MS = 24 * 3_600_000;
/** What a machine consists of. */
const PARTS = ['identity.json', 'data.img', 'backup.json', 'secrets', 'snapshots'];

/**
 * Copies all of a machine that is off, whose locks are held on both hosts, to where it is not the machine yet, and compares each file's SHA-256. What comes from
 * another host than this computer rests here in between.
 */
export async function carryMachine(
  from: MachinePaths,
  to: MachinePaths,
  context: VerbContext,
  there: Host,
): Promise<void> {
  const files = await filesOf(from.dataDir, context.host);
  const rest = join(context.builder.paths.data, 'moving', from.dataDir.replace(/.*\//, ''));
  const source = context.host.isHere ? from.dataDir : rest;
  try {
    if (!context.host.isHere) await fetchFiles(from.dataDir, files, rest, context);
    for (const folder of [to.dataDir, to.incomingDir]) await there.makeFolder(folder, 0o700);
    for (const file of files) {
      context.report({ kind: 'phase', text: `copies ${file}` });
      // Snapshots are put in place by nobody: they are whole with their last file.
      const target = join(file.startsWith('snapshots/') ? to.dataDir : to.incomingDir, file);
      await there.makeFolder(dirname(target), 0o700);
      await carryFile(join(source, file), target, context, there);
      await requireSame(join(from.dataDir, file), target, context.host, there);
    }
  } finally {
    if (source === rest) await context.builder.host.remove(rest);
  }
}

/** Paths below the folder, part by part, each part's in order: `data.img`, then `snapshot.json`. */
async function filesOf(dataDir: string, host: Host): Promise<readonly string[]> {
  const walk = async (path: string): Promise<readonly string[]> => {
    const there = await host.stat(join(dataDir, path));
    if (there?.kind !== 'folder') return there === undefined ? [] : [path];
    const names = [...((await host.list(join(dataDir, path))) ?? [])].sort();
    return (await Promise.all(names.map((name) => walk(join(path, name))))).flat();
  };
  return (await Promise.all(PARTS.map(walk))).flat().filter((file) => !file.startsWith('snapshots/new/'));
}

async function carryFile(from: string, to: string, context: Context, there: Host): Promise<void> {
  if (there.isHere) return copyOfStopped(from, to, { ...context, host: there });
  const onProgress = (done: number, total: number): void =>
    context.report({ kind: 'count', done, total, unit: 'bytes' });
  await there.push(from, to, { mode: 0o600, signal: context.signal, onProgress });
}

/** From another host to a folder of this computer: what a disk does not hold is not sent. */
async function fetchFiles(from: string, files: readonly string[], to: string, context: VerbContext): Promise<void> {
  const { host } = context.builder;
  await host.remove(to);
  await host.makeFolder(to, 0o700);
  const packed = join(to, 'machine.tar.zst');
  const argv = ['tar', '--zstd', '--sparse', '--dereference', '-C', from, '-cf', '-', '--', ...files];
  context.report({ kind: 'phase', text: `reads it from ${context.host.name}` });
  await writePieces(packed, 0o600, async (file) => {
    const onOutput = (bytes: Uint8Array): void => void file.write(bytes);
    await must(argv, { onOutput }, context.host, context.signal);
    file.end();
    await finished(file);
  });
  await must(['tar', '--zstd', '--no-same-owner', '-C', to, '-xf', packed], {}, host, context.signal);
  await host.remove(packed);
}

async function requireSame(from: string, to: string, here: Host, there: Host): Promise<void> {
  const [a, b] = await Promise.all([digest(from, here), digest(to, there)]);
  if (a === b) return;
  throw new VmkitError(
    'host',
    'move-failed',
    `${to} on ${there.name} is not what ${from} is: it was damaged on the way.`,
    {
      hint: 'Nothing was changed where the machine is. Try again.',
    },
  );
}

async function digest(path: string, host: Host): Promise<string> {
  return (await must(['sha256sum', path], {}, host)).split(' ')[0] ?? '';
}

async function must(
  argv: readonly string[],
  options: { readonly onOutput?: (bytes: Uint8Array) => void },
  host: Host,
  signal?: AbortSignal,
): Promise<string> {
  const { exitCode, stdout, stderr } = await host.exec(argv, {
    ...options,
    withinMs: LONGEST_MS,
    maxBytes: Number.MAX_SAFE_INTEGER,
    signal,
  });
  if (exitCode === 0) return stdout;
  throw new VmkitError('tool', 'move-failed', `${argv[0]} on ${host.name}: ${stderr.trim()}`, {
    hint: 'Nothing was changed where the machine is. Is there room for a copy?',
  });
}
