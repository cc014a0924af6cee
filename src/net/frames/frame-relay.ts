import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { poll } from '../../core/deadline.ts';
import { onFrames, sendFrame } from './frame-stream.ts';

/** More than this waits in QEMU, which holds the sender back. */
const LONGEST_QUEUE = 256 * 1024;

/** One of two ends: a unix socket that QEMU listens on (`-netdev stream,server=on`). */
export interface RelayEnd {
  readonly socketPath: string;
  /** Whether a frame from here goes to the other end. */
  readonly passes: (frame: Buffer) => boolean;
}

/** Passes frames between two ends until one of them closes, or `signal` aborts. Throws where QEMU does not listen within the deadline. */
export async function relayFrames(
  [one, other]: readonly [RelayEnd, RelayEnd],
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  const first = await dial(one.socketPath, withinMs, signal);
  const second = await dial(other.socketPath, withinMs, signal);
  const ended = [once(first, 'close'), once(second, 'close'), once(signal, 'abort')];
  pass(first, second, one.passes);
  pass(second, first, other.passes);
  await Promise.race(ended);
  first.destroy();
  second.destroy();
}

function pass(from: Socket, to: Socket, passes: RelayEnd['passes']): void {
  onFrames(from, (frame) => {
    if (!passes(frame)) return;
    sendFrame(to, frame);
    if (to.writableLength <= LONGEST_QUEUE || from.isPaused()) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
}

async function dial(path: string, withinMs: number, signal: AbortSignal): Promise<Socket> {
  const socket = await poll(() => tryToDial(path), { withinMs, signal });
  if (socket === undefined) throw new Error(`QEMU does not listen on ${path}.`);
  // A close follows each error.
  return socket.on('error', () => undefined);
}

function tryToDial(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
