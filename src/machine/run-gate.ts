import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { poll } from '../core/deadline.ts';
import { onFrames, sendFrame } from '../host/frame-stream.ts';
import { readAddressTables } from '../host/own-addresses.ts';
import { closedAddresses, type IsClosed } from './closed-addresses.ts';
import { type WorldGate, worldGate } from './world-gate.ts';

/** How old this host's addresses may be: they change with every Wi-Fi. */
const REREAD_MS = 1_000;
/** QEMU is started right after the gate. */
const START_MS = 30_000;
/** More than this waits in QEMU, which holds the sender back. */
const LONGEST_QUEUE = 256 * 1024;

export interface GateSockets {
  readonly guestSocket: string;
  readonly worldSocket: string;
}

/** Passes frames between a guest and the world until QEMU ends, or `signal` aborts. Throws where this host's own addresses cannot be read: closed, then. */
export async function runGate(
  { guestSocket, worldSocket }: GateSockets,
  hostAccess: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const gate = worldGate({ isClosed: currentlyClosed(), hostAccess, now: () => performance.now() });
  const guest = await dialQemu(guestSocket, signal);
  const world = await dialQemu(worldSocket, signal);
  const ended = Promise.race([once(guest, 'close'), once(world, 'close'), once(signal, 'abort')]);
  relay(guest, world, gate);
  await ended;
  guest.destroy();
  world.destroy();
}

function relay(guest: Socket, world: Socket, gate: WorldGate): void {
  const pass = (from: Socket, to: Socket, frame: Buffer): void => {
    sendFrame(to, frame);
    if (to.writableLength <= LONGEST_QUEUE || from.isPaused()) return;
    from.pause();
    to.once('drain', () => from.resume());
  };
  onFrames(guest, (frame) => {
    if (gate.leaves(frame)) pass(guest, world, frame);
  });
  onFrames(world, (frame) => {
    gate.enters(frame);
    pass(world, guest, frame);
  });
}

function currentlyClosed(): IsClosed {
  let isClosed = closedAddresses(readAddressTables());
  let readAt = performance.now();
  return (address) => {
    if (performance.now() - readAt > REREAD_MS) {
      isClosed = closedAddresses(readAddressTables());
      readAt = performance.now();
    }
    return isClosed(address);
  };
}

async function dialQemu(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = await poll(() => tryToDial(path), { withinMs: START_MS, signal });
  if (socket === undefined) throw new Error(`QEMU does not listen on ${path}.`);
  return socket.on('error', () => socket.destroy());
}

function tryToDial(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
