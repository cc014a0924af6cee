import { get } from 'node:http';
import type { Dial } from './tcp.ts';

/** The status with which a server answers `GET /`; undefined when it does not answer in time. */
export async function httpStatus(dial: Dial, withinMs = 5_000): Promise<number | undefined> {
  const socket = await dial().catch(() => undefined);
  if (socket === undefined) return undefined;
  socket.once('end', () => socket.destroy());
  return new Promise((resolve) => {
    const request = get({ path: '/', createConnection: () => socket, timeout: withinMs }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    const timer = setTimeout(() => request.destroy(), withinMs);
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(undefined));
    request.once('close', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(undefined);
    });
  });
}
