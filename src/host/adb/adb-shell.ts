import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { VmkitError } from '../../core/errors/errors.ts';
import type { ShellProcess } from '../shell/session/shell.ts';
import { PACKET, packet, packetReader } from './shell-protocol.ts';

/** What nobody reads does not keep the end from being told. */
const DRAIN_MS = 1_000;

/** How a shell ends that said no exit code: its connection did, and what it did is not known. */
export const NO_EXIT_CODE = 'the connection ended without an exit code';

/**
 * Input of no bytes, as an answer to each output. adb's server leaves Nagle's algorithm on, so it sends nothing more until it has our TCP's acknowledgement; alone,
 * that waits for 40 ms, in each job twice.
 */
const ACKNOWLEDGEMENT = packet(PACKET.input);

export interface AdbShell extends ShellProcess {
  /** Ends it at once: the phone does not answer any more. */
  lose(why: string): void;
}

/** A command on a phone, of which `open` gives the stream: `shell,v2,raw:COMMAND`. Its end without an exit code is a lost connection, and never success. */
export function adbShell(open: () => Promise<Socket>): AdbShell {
  const output = new PassThrough();
  const errors = new PassThrough();
  let socket: Socket | undefined;
  let isHeld = true;
  let exitCode: number | undefined;
  let how: string | VmkitError | undefined;
  let tell: (how: string | VmkitError) => void = () => undefined;
  const end = async (why: string | VmkitError): Promise<void> => {
    if (how !== undefined) return;
    how = why;
    socket?.destroy();
    const read = [output, errors].map((stream) => once(stream.end(), 'end'));
    const waited = new Promise((resolve) => setTimeout(resolve, DRAIN_MS).unref());
    await Promise.race([Promise.allSettled(read), waited]);
    tell(why);
  };
  const opened = open().then((stream) => {
    socket = stream;
    if (how !== undefined) return void stream.destroy();
    isHeld ? stream.ref() : stream.unref();
    const read = packetReader();
    stream.on('data', (chunk) => {
      stream.write(ACKNOWLEDGEMENT);
      for (const { kind, bytes } of read(chunk)) {
        if (kind === PACKET.exit) exitCode = bytes[0];
        const to = kind === PACKET.output ? output : kind === PACKET.errors ? errors : undefined;
        if (to === undefined || to.write(bytes)) continue;
        stream.pause();
        to.once('drain', () => stream.resume());
      }
      if (exitCode !== undefined) void end(`exit code ${exitCode}`);
    });
    // A reader that is slow still gets what came before the end.
    for (const event of ['end', 'close'] as const) stream.on(event, () => void end(NO_EXIT_CODE));
    stream.resume();
  });
  opened.catch((error) => void end(error instanceof VmkitError ? error : String(error)));
  const input = new Writable({
    construct: (done) => void opened.then(() => done(), done),
    write: (bytes: Buffer, _encoding, done) => send(packet(PACKET.input, bytes), done),
    final: (done) => send(packet(PACKET.endOfInput), done),
  });
  const send = (bytes: Buffer, done: (error?: Error | null) => void): void => {
    if (socket === undefined || how !== undefined) done(new Error(NO_EXIT_CODE));
    else socket.write(bytes, done);
  };
  return {
    input,
    output,
    errors,
    onEnd: (done) => {
      tell = done;
      if (how !== undefined) done(how);
    },
    destroy: () => void end('it was ended here'),
    lose: (why) => void end(why),
    hold: (isHeldNow) => {
      isHeld = isHeldNow;
      isHeld ? socket?.ref() : socket?.unref();
    },
  };
}
