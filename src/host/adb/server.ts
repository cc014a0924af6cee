import { once } from 'node:events';
import type { Socket } from 'node:net';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';
import { connectTo } from '../../net/connect.ts';
import { runProcess } from '../local/process/process.ts';

/** A server of adb's answers at once; a phone that is asked through it may not. */
const ANSWER_MS = 15_000;
const DEFAULT_PORT = 5037;

/** What adb's server, or adbd through it, refused, in its own words. */
export class AdbRefusal extends Error {}

/** Where adb's server listens: adb(1), ENVIRONMENT. */
export function serverPort(env: NodeJS.ProcessEnv = process.env): number {
  return Number(env['ANDROID_ADB_SERVER_PORT']) || DEFAULT_PORT;
}

/**
 * Connects to adb's server, which is started where none runs, and asks for one service after the other (adb's docs/dev/services.md). What follows is the last one's
 * stream. Throws AdbRefusal for what it refuses, `tool-missing`, `adb-server-failed`; an aborted signal's reason where no answer comes.
 */
export async function askServer(services: readonly string[], withinMs: number = ANSWER_MS): Promise<Socket> {
  const socket = await connectToServer();
  const signal = AbortSignal.timeout(withinMs);
  // Somebody reads the error where it matters: from the stream.
  socket.on('error', () => undefined);
  try {
    for (const service of services) {
      const bytes = Buffer.from(service);
      socket.write(Buffer.concat([Buffer.from(bytes.length.toString(16).padStart(4, '0')), bytes]));
      const answer = (await readBytes(socket, 4, signal)).toString();
      if (answer === 'FAIL') throw new AdbRefusal(await readText(socket, signal));
      if (answer !== 'OKAY')
        throw new AdbRefusal(`adb's server says ${JSON.stringify(answer)}, which is not its protocol`);
    }
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** What adb's server answers to a question of its own: `host:devices`. */
export async function askText(service: string, withinMs: number = ANSWER_MS): Promise<string> {
  const socket = await askServer([service], withinMs);
  try {
    return await readText(socket, AbortSignal.timeout(withinMs));
  } finally {
    socket.destroy();
  }
}

async function connectToServer(): Promise<Socket> {
  // Jobs are short messages, one after the other: without noDelay each waits 40 ms for an acknowledgement.
  const to = { host: '127.0.0.1', port: serverPort(), noDelay: true };
  try {
    return await connectTo(to);
  } catch (error) {
    if (!isSystemError(error, 'ECONNREFUSED')) throw error;
  }
  await startServer();
  return connectTo(to);
}

async function startServer(): Promise<void> {
  const env = Object.fromEntries(
    ['ANDROID_ADB_SERVER_PORT', 'ADB_VENDOR_KEYS'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const failed = (said: string, cause?: unknown): VmkitError =>
    new VmkitError('tool', 'adb-server-failed', `Starting adb's server: ${said.trim()}`, {
      hint: 'adb start-server, by hand, must work.',
      cause,
    });
  const { exitCode, stderr } = await runProcess(['adb', 'start-server'], { env, withinMs: 30_000 }).catch((error) => {
    if (!(error instanceof VmkitError && error.code === 'tool-missing')) throw error;
    throw new VmkitError('tool', 'tool-missing', 'Cannot reach a phone: there is no program adb here.', {
      hint: 'Install it: it is in the package adb, and in the platform tools of the Android SDK.',
      cause: error,
    });
  });
  if (exitCode !== 0) throw failed(stderr);
}

async function readText(socket: Socket, signal: AbortSignal): Promise<string> {
  const length = Number.parseInt((await readBytes(socket, 4, signal)).toString(), 16);
  return length > 0 ? (await readBytes(socket, length, signal)).toString() : '';
}

/** Exactly so many bytes; what follows stays in the stream. */
async function readBytes(socket: Socket, count: number, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    const bytes: unknown = socket.read(count);
    if (bytes instanceof Buffer && bytes.length === count) return bytes;
    if (bytes !== null || socket.readableEnded || socket.destroyed) {
      throw new AdbRefusal("adb's server closed the connection");
    }
    await Promise.race([once(socket, 'readable', { signal }), once(socket, 'close', { signal })]);
  }
}
