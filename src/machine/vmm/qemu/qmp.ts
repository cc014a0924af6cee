import * as z from 'zod';
import { unlessInterrupted } from '../../../core/deadline.ts';
import { messageOf, VmkitError } from '../../../core/errors/errors.ts';
import { onLines } from '../../../core/text/lines.ts';
import type { Host } from '../../../host/host.ts';

/** One line of the QEMU Machine Protocol (QEMU documentation, "QMP specification"). */
const message = z.union([
  z.object({ QMP: z.unknown() }),
  z.object({ return: z.unknown(), id: z.string().optional() }),
  z.object({ error: z.object({ desc: z.string() }), id: z.string().optional() }),
  z.object({ event: z.string() }),
]);

type PlainCommand =
  | 'quit'
  | 'query-status'
  | 'query-block'
  | 'query-jobs'
  | 'query-migrate'
  | 'migrate_cancel'
  | 'stop'
  | 'cont'
  | 'system_powerdown'
  | 'system_wakeup';

/** A command with what it is given. */
interface GivenCommand {
  readonly execute:
    | 'blockdev-add'
    | 'blockdev-del'
    | 'blockdev-backup'
    | 'blockdev-create'
    | 'block-dirty-bitmap-add'
    | 'block-dirty-bitmap-remove'
    | 'block_resize'
    | 'job-cancel'
    | 'job-dismiss'
    | 'migrate'
    | 'migrate-set-parameters';
  readonly arguments: Readonly<Record<string, unknown>>;
}

/**
 * Connects to QEMU's control socket, runs one command, returns its answer.
 * Throws `qmp-failed` when nobody answers in time or QEMU refuses.
 */
export async function qmpCommand(
  socketPath: string,
  command: PlainCommand | GivenCommand,
  host: Pick<Host, 'open'>,
  withinMs = 5_000,
): Promise<unknown> {
  const asked = typeof command === 'string' ? { execute: command } : command;
  const failure = (error: unknown): VmkitError => {
    const text = `QEMU's control socket ${socketPath}, command ${asked.execute}: ${messageOf(error)}`;
    return new VmkitError('tool', 'qmp-failed', text, { cause: error });
  };
  const opening = host.open({ unix: socketPath });
  const late = AbortSignal.timeout(withinMs);
  const socket = await unlessInterrupted(opening, late).catch((error: unknown) => {
    opening.then(
      (opened) => opened.destroy(),
      () => undefined,
    );
    throw failure(late.aborted ? new Error(`no answer within ${withinMs / 1000} s`) : error);
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error(`no answer within ${withinMs / 1000} s`)), withinMs);
    const close = (): void => {
      clearTimeout(timer);
      socket.destroy();
    };
    const fail = (error: unknown): void => {
      close();
      reject(failure(error));
    };
    const send = (message: { readonly execute: string }): void => {
      socket.write(`${JSON.stringify({ ...message, id: message.execute })}\n`);
    };
    onLines(
      socket,
      (line) => {
        const parsed = message.parse(JSON.parse(line));
        if ('QMP' in parsed) send({ execute: 'qmp_capabilities' });
        else if ('error' in parsed) fail(new Error(parsed.error.desc));
        else if ('return' in parsed && parsed.id === 'qmp_capabilities') send(asked);
        else if ('return' in parsed && parsed.id === asked.execute) {
          close();
          resolve(parsed.return);
        }
      },
      fail,
    );
    socket.on('error', fail);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => fail(new Error('the connection was closed')));
  });
}
