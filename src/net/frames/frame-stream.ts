import type { Socket } from 'node:net';

/** QEMU's NET_BUFSIZE (include/net/net.h): no frame is longer. */
const LONGEST_FRAME = 4096 + 65_536;
/** What may wait for a reader that is slow; more is dropped, as on any wire. */
const LONGEST_QUEUE = 4 * 1024 * 1024;

/**
 * Reads Ethernet frames from QEMU's `-netdev stream` (net/stream.c): each has its length before it, 4 bytes, big-endian. A length that no frame has ends
 * the connection: what follows cannot be told apart any more.
 */
export function onFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at);
      if (length === 0 || length > LONGEST_FRAME) {
        socket.destroy(new Error(`a frame of ${length} bytes`));
        return;
      }
      if (bytes.length - at - 4 < length) break;
      onFrame(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    rest = bytes.subarray(at);
  });
}

/** Sends a frame; false when it was dropped because the other side does not read. */
export function sendFrame(socket: Socket, frame: Uint8Array): boolean {
  if (socket.writableLength > LONGEST_QUEUE) return false;
  const message = Buffer.allocUnsafe(4 + frame.length);
  message.writeUInt32BE(frame.length);
  message.set(frame, 4);
  // Frames that came together go together: one call of the kernel's for all.
  if (socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  socket.write(message);
  return true;
}
