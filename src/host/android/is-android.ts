import type { Host } from '../host.ts';

/** Whether a host is a phone, however it is reached: a Debian in its Terminal app is none. */
export async function isAndroid(host: Host): Promise<boolean> {
  return (await host.programs(['getprop'])).has('getprop');
}
