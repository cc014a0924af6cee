import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { onFrames, sendFrame } from '../../net/frames/frame-stream.ts';

/** How long to wait before a machine that is off is dialled again. */
const RETRY_MS = 200;

export interface Link {
  readonly name: string;
  /** The unix socket that the machine's QEMU listens on: `-netdev stream,server=on`. */
  readonly socketPath: string;
}

/** The machines that are on, by name. */
export type OpenLinks = Map<string, Socket>;

/**
 * Keeps a connection to each machine that is on, until `signal` aborts, and hands every frame to `onFrame`, which says to whom it goes. Callers that share `open` reach each other's machines. QEMU listens and the
 * switch dials, so a switch that was killed can be started again under running machines.
 */
export async function keepLinks(
  links: readonly Link[],
  onFrame: (from: string, frame: Uint8Array) => readonly string[],
  signal: AbortSignal,
  open: OpenLinks = new Map(),
): Promise<void> {
  const forward = (from: string, frame: Uint8Array): void => {
    for (const name of onFrame(from, frame)) {
      const socket = open.get(name);
      if (socket !== undefined) sendFrame(socket, frame);
    }
  };
  await Promise.all(
    links.map(async ({ name, socketPath }) => {
      while (!signal.aborted) {
        await holdLink(
          socketPath,
          (socket) => {
            open.set(name, socket);
            onFrames(socket, (frame) => forward(name, frame));
          },
          signal,
        );
        open.delete(name);
        await wait(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }),
  );
}

/** Resolves when the connection has ended, whatever ended it, or could not be made. */
function holdLink(path: string, onOpen: (socket: Socket) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (): void => {
      socket.destroy();
    };
    signal.addEventListener('abort', end, { once: true });
    socket.once('connect', () => onOpen(socket));
    socket.once('error', end);
    socket.once('close', () => {
      signal.removeEventListener('abort', end);
      resolve();
    });
  });
}
