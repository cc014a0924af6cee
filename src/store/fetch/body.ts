import { VmkitError } from '../../core/errors/errors.ts';
import { reasonOf, Transient } from './http.ts';

/** The body in chunks; a cut or stalled connection throws Transient. */
export async function* chunksOf(response: Response, stallMs: number): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await withinStall(reader.read(), stallMs);
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** All of it. Throws `download-too-long` for more than so many bytes of `what`: `A manifest of a registry`. */
export async function collect(pieces: AsyncIterable<Uint8Array>, longest: number, what: string): Promise<Buffer> {
  const held: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    held.push(piece);
    bytes += piece.length;
    if (bytes > longest) throw new VmkitError('build', 'download-too-long', `${what} is longer than one can be.`);
  }
  return Buffer.concat(held);
}

/** The same bytes in fewer, larger pieces: each but the last has `least` or more. */
export async function* inChunks(content: AsyncIterable<Uint8Array>, least: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of content) {
    held.push(piece);
    bytes += piece.length;
    if (bytes < least) continue;
    yield Buffer.concat(held);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held);
}

async function withinStall<T>(reading: Promise<T>, stallMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stall = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Transient(`nothing came for ${stallMs / 1000} s`)), stallMs);
  });
  try {
    return await Promise.race([reading, stall]);
  } catch (error) {
    throw error instanceof Transient
      ? error
      : new Transient(`the connection was cut: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
