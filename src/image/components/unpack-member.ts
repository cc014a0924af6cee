import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf, VmkitError } from '../../core/errors/errors.ts';

/**
 * Takes one file out of a tar archive, gzipped or not, and makes it executable. By itself, since a container may have neither tar nor gzip. Throws `component-missing`
 * for an archive without it, or one that was cut off.
 */
export async function unpackMember(
  archive: string,
  member: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const tar = extract();
  const unzip = (await isGzip(archive)) ? [createGunzip()] : [];
  const feeding = pipeline([createReadStream(archive), ...unzip, tar], { signal });
  // Whoever reads the members hears of it, too.
  feeding.catch(() => undefined);
  let isFound = false;
  try {
    for await (const entry of tar) {
      if (entry.header.name === member && entry.header.type === 'file' && !isFound) {
        await pipeline(Readable.from(entry), createWriteStream(target, { mode: 0o755 }), { signal });
        isFound = true;
      } else {
        entry.resume();
      }
    }
    await feeding;
  } catch (error) {
    throwIfInterrupted(signal);
    await rm(target, { force: true });
    throw missing(archive, member, messageOf(error));
  }
  if (!isFound) throw missing(archive, member, 'it is whole, and has no file of that name');
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.readUInt16BE(0) === 0x1f8b;
  } finally {
    await file.close();
  }
}

function missing(archive: string, member: string, why: string): VmkitError {
  return new VmkitError('build', 'component-missing', `${basename(archive)} holds no ${member}: ${why}.`);
}
