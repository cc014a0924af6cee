import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { explainWriteError } from '../../host/local/files/write-error.ts';
import { readBlocks, writeDiskFile } from './disk-file.ts';
import { type Ext4Facts, parseSuperblock } from './ext4.ts';

const MIB = 1024 * 1024;
/** Also the label of the file system; at most 16 characters. */
const LABEL = 'vmkit-data';
/** In MiB. Up to this size mke2fs makes the journal 64 MiB or less. */
const LARGEST_WITH_USUAL_JOURNAL = 8 * 1024;
/** e2fsck(8): 1 means that errors were corrected. */
const FSCK_OK = [0, 1];

/**
 * The file system on a data disk, which is only read. Undefined where there is no file. Throws `data-disk-damaged` where the file holds no ext4,
 * `data-disk-truncated` where its end is missing: e2fsck would "repair" such a disk by forgetting what was there.
 */
export async function readDataDisk(path: string, { host }: Pick<Context, 'host'>): Promise<Ext4Facts | undefined> {
  const superblock = await readBlocks(path, 1, 1, host);
  if (superblock === undefined) return undefined;
  const facts = parseSuperblock(superblock);
  if (facts === undefined) throw noExt4(path, await knownFormat(path, host));
  const size = (await host.stat(path))?.bytes ?? 0;
  if (size < facts.bytes) throw truncated(path, facts.bytes, size);
  return facts;
}

/** What else the file holds, in words: `crypto_LUKS`, `xfs` (blkid(8), which reads only), or an image in QEMU's own format. */
async function knownFormat(path: string, host: Host): Promise<string | undefined> {
  const start = (await readBlocks(path, 0, 1, host))?.toString('latin1', 0, 4);
  if (start === 'QFI\xfb') return 'qcow2';
  const asked = await host
    .exec(['blkid', '-p', '-s', 'TYPE', '-o', 'value', path], { withinMs: 10_000 })
    .catch(() => undefined);
  const type = asked?.stdout.trim() ?? '';
  return type === '' || type.startsWith('ext') ? undefined : type;
}

function noExt4(path: string, format: string | undefined): VmkitError {
  const found = format === undefined ? 'its superblock is gone or makes no sense' : `it is ${format}`;
  return new VmkitError('host', 'data-disk-damaged', `${path} holds no ext4 file system: ${found}.`, {
    hint:
      format === undefined
        ? `It is left as it is. A copy of the superblock may be whole; on a copy of the file: e2fsck -b 32768 COPY`
        : 'It is left as it is. Put the right file there, or move this one away.',
    details: { format },
  });
}

function truncated(path: string, wantedBytes: number, hasBytes: number): VmkitError {
  const message = `${path} ends too early: its file system has ${wantedBytes} bytes, the file ${hasBytes}.`;
  return new VmkitError('host', 'data-disk-truncated', message, {
    hint: 'It is left as it is. Was a copy cut short, or its disk full? Put the whole file there, or restore a backup.',
    details: { wantedBytes, hasBytes },
  });
}

/** A new data disk: a sparse file with an empty ext4 of this size (in MiB) and UUID. Mode 0600; there whole or not at all. */
export async function createDataDisk(path: string, mib: number, uuid: string, context: Context): Promise<void> {
  context.report({ kind: 'phase', text: `makes the data disk, ${mib} MiB` });
  await explaining('Making the data disk', path, context.host, async () => {
    await writeDiskFile(path, { bytes: mib * MIB }, context, async (temporary) => {
      // The file is all zeros: nothing has to be zeroed again, neither here nor by the guest's first boot.
      const extended = 'root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1';
      const names = ['-L', LABEL, '-U', uuid];
      await run(
        ['mke2fs', '-q', '-t', 'ext4', '-m', '5', ...journal(mib), ...names, '-E', extended, temporary],
        [0],
        context,
      );
    });
  });
}

/**
 * mke2fs gives a disk of 128 GiB a journal of 1 GiB. Stage 1 keeps what a recovery overwrites in the guest's memory, so
 * that a disk that cannot be repaired can be put back: at most the journal's size, which must fit.
 */
function journal(mib: number): string[] {
  return mib > LARGEST_WITH_USUAL_JOURNAL ? ['-J', 'size=64'] : [];
}

/**
 * Makes the data disk larger, with the machine off and its lock held. The work is done on a copy, which shares its blocks where the file
 * system can: a resize2fs that is killed half way leaves what only a person can repair (8 of 60 tries). Never shrinks.
 */
export async function growDataDisk(path: string, mib: number, context: Context): Promise<void> {
  context.report({ kind: 'phase', text: `grows the data disk to ${mib} MiB` });
  await explaining('Growing the data disk', path, context.host, async () => {
    await writeDiskFile(path, { bytes: mib * MIB, from: path }, context, async (temporary) => {
      await run(['e2fsck', '-f', '-p', temporary], FSCK_OK, context);
      await run(['resize2fs', temporary], [0], context);
    });
  });
}

async function run(argv: readonly string[], accepted: readonly number[], { host, signal }: Context): Promise<void> {
  const { exitCode, stdout, stderr } = await host.exec(argv, { signal });
  if (accepted.includes(exitCode)) return;
  const output = `${stdout}\n${stderr}`.trim().split('\n').slice(-8).join('\n');
  throw new VmkitError('tool', 'data-disk-tool-failed', `${argv[0]} ended with exit code ${exitCode}.\n${output}`, {
    hint: 'The data disk is as it was before.',
  });
}

async function explaining(doing: string, path: string, host: Host, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw await explainWriteError(
      error,
      doing,
      path.replace(/\/[^/]*$/, ''),
      'Make room there and try again; the data disk is as it was before.',
      host.freeBytes,
    );
  }
}
