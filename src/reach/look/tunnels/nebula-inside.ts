import { networkInterfaces } from 'node:os';
import * as z from 'zod';
import { poll } from '../../../core/deadline.ts';
import { messageOf } from '../../../core/errors/errors.ts';
import { PROTOCOLS } from '../../../core/protocol.ts';
import { localHost } from '../../../host/local/local.ts';
import { relayInside } from '../../../net/datagram-relay.ts';
import { DIAL_RESULTS, dial } from '../../../net/dial.ts';
import { toldBy } from './nebula-facts.ts';

/** What is asked of the process in a network namespace of its own. Paths are absolute. */
export const insideRequest = z.object({
  nebula: z.string(),
  /** Holds a private key, 0600; its lighthouse is found at 127.0.0.1:`relayPort`. */
  config: z.string(),
  relaySocket: z.string(),
  relayPort: z.number(),
  /** In the overlay. */
  address: z.string(),
  port: z.number(),
  /** What makes the service speak, in Latin-1. */
  question: z.object({ protocol: z.enum(PROTOCOLS), text: z.string(), host: z.string(), path: z.string() }),
  dialMs: z.number(),
});
export type InsideRequest = z.infer<typeof insideRequest>;

export const insideAnswer = z.object({
  /** Why there could be no node here; undefined: there was one. */
  error: z.string().optional(),
  /** What nebula said. */
  log: z.string(),
  /** The node's own, in the overlay. */
  address: z.string().optional(),
  dial: z
    .object({
      result: z.enum(DIAL_RESULTS),
      firstByteMs: z.number().optional(),
      wholeMs: z.number().optional(),
      bytes: z.number().optional(),
      status: z.number().optional(),
      location: z.string().optional(),
      setsCookie: z.boolean().optional(),
      text: z.string(),
    })
    .optional(),
});
export type InsideAnswer = z.infer<typeof insideAnswer>;

/** Runs a node of Nebula in this process's network namespace, which has nothing yet, and dials through it. `signal` ends it early. */
export async function dialThroughNebula(request: InsideRequest, signal: AbortSignal): Promise<InsideAnswer> {
  const host = localHost();
  const lines: string[] = [];
  const log = (): string => lines.join('\n');
  const end = new AbortController();
  try {
    const { exitCode, stderr } = await host.exec(['ip', 'link', 'set', 'dev', 'lo', 'up'], { withinMs: 5_000, signal });
    if (exitCode !== 0) return { error: stderr.trim(), log: '' };
    await relayInside(request.relaySocket, request.relayPort);
    let hasEnded = false;
    const options = { signal: AbortSignal.any([signal, end.signal]), onLine: (line: string) => void lines.push(line) };
    const nebula = host
      .exec([request.nebula, '-config', request.config], options)
      .catch((error: unknown) => lines.push(messageOf(error)))
      .finally(() => {
        hasEnded = true;
      });
    // What nebula says comes before its device has an address: a dial would find no route.
    const isUp = await poll(() => (hasEnded || deviceAddress() !== undefined ? !hasEnded : undefined), {
      withinMs: 10_000,
      everyMs: 20,
      signal,
    });
    if (isUp !== true) return { error: `nebula did not start: ${toldBy(lines.at(-1) ?? '')}`, log: log() };
    const own = deviceAddress();
    const dialled = await dial(request, { ...request.question, tlsName: undefined }, request.dialMs);
    end.abort();
    await nebula;
    return { log: log(), address: own, dial: dialled };
  } catch (error) {
    return { error: messageOf(error), log: log() };
  } finally {
    end.abort();
  }
}

/** Of a device beside lo that is up: in this namespace it is nebula's. */
function deviceAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
}
