import { get } from 'node:http';

/** The status with which a server on 127.0.0.1 answers `GET /`; undefined when it does not answer in time. */
export function httpStatus(port: number, withinMs = 5_000): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/', agent: false, timeout: withinMs }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    const timer = setTimeout(() => request.destroy(), withinMs);
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(undefined));
    request.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
