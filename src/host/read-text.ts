import type { Host } from './host.ts';

/** A file as UTF-8; empty where there is none. Throws as Host.read does. */
export async function readText(path: string, host: Pick<Host, 'read'>, maxBytes?: number): Promise<string> {
  return Buffer.from((await host.read(path, maxBytes)) ?? '').toString('utf8');
}
