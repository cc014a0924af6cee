import { Duplex } from 'node:stream';
import type { VsockEndpoint } from '../endpoint.ts';
import { openThere } from './adb-login.ts';
import type { AdbDestination } from './destination.ts';

/**
 * A connection to a port of a guest on a phone, by its address on vsock: the service of adbd that `adb forward tcp:P vsock:CID:PORT` asks for with each connection. adbd may dial it where neither apps nor
 * adb's own user may (sepolicy, adbd_common.te). adb's stream ends as a whole, so our end of input is not told: the answer would be lost.
 */
export async function openVsock(
  destination: AdbDestination,
  serial: string,
  { vsock, port }: VsockEndpoint,
): Promise<Duplex> {
  const socket = await openThere(destination, serial, `vsock:${vsock}:${port}`);
  const stream: Duplex = new Duplex({
    read: () => void socket.resume(),
    write: (bytes: Buffer, _encoding, done) => void socket.write(bytes, done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (bytes) => {
    if (!stream.push(bytes)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  return stream;
}
