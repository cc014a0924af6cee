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
