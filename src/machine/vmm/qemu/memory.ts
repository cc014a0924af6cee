import * as z from 'zod';
import { poll, unlessInterrupted } from '../../../core/deadline.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import type { MachinePaths } from '../../../core/paths.ts';
import type { Context } from '../../../host/context.ts';
import type { Host, HostProcess } from '../../../host/host.ts';
import { launch } from '../launch/launch.ts';
import { memoryFd } from '../launch/launch-script.ts';
import type { MemoryKeeper, SavedGuest, Start } from '../vmm.ts';
import { status } from './held.ts';
import { qmpCommand } from './qmp.ts';
import { LISTENS, receiveScript } from './receive-memory.ts';

type Sockets = Pick<MachinePaths, 'controlSocket'>;

/** In QEMU's own folder: relative for QEMU, which is there. */
const SOCKET = 'memory.sock';
const SAVED_WITHIN_MS = 2 * 3_600_000;
const ANSWERED_WITHIN_MS = 30_000;

/** To a file, not to another computer: as fast as that takes it, in bytes a second. */
const PARAMETERS = { 'max-bandwidth': 2 ** 40 };

const migration = z.object({
  status: z.string().optional(),
  'error-desc': z.string().optional(),
  ram: z.object({ remaining: z.number(), total: z.number() }).optional(),
});

/**
 * By QEMU's migration (QEMU QMP reference, `migrate`) to a socket, since its sandbox starts no process, and a QEMU before 8.2 opens no file for it. Who listens there
 * writes the file. The guest stands still from the start on, so that each page is written once.
 */
export async function saveMemory(
  file: string,
  limitBytes: number,
  { runDir, controlSocket }: MachinePaths,
  context: Context,
): Promise<void> {
  const { host, signal } = context;
  const ended = new AbortController();
  const listening = listen(runDir, file, limitBytes, host, AbortSignal.any([signal, ended.signal]));
  try {
    await unlessInterrupted(listening.begun, signal);
    const ask = (execute: 'migrate' | 'migrate-set-parameters', given: object): Promise<unknown> =>
      qmpCommand(controlSocket, { execute, arguments: { ...given } }, host, ANSWERED_WITHIN_MS);
    await ask('migrate-set-parameters', PARAMETERS);
    await qmpCommand(controlSocket, 'stop', host, ANSWERED_WITHIN_MS);
    await ask('migrate', { uri: `unix:${SOCKET}` });
    await completed(controlSocket, context);
    await listening.ended;
  } catch (error) {
    ended.abort();
    await letGo({ controlSocket }, host);
    throw error;
  }
}

/** Back when QEMU has written all. Throws `suspend-failed` with its reason. */
async function completed(controlSocket: string, { host, signal, report }: Context): Promise<void> {
  const end = await poll(
    async () => {
      const asked = await qmpCommand(controlSocket, 'query-migrate', host, ANSWERED_WITHIN_MS);
      const { status: at, ram, 'error-desc': why } = migration.parse(asked);
      if (ram !== undefined)
        report({ kind: 'count', done: ram.total - ram.remaining, total: ram.total, unit: 'bytes' });
      if (at === 'completed') return { isWhole: true, why };
      return at === 'failed' || at === 'cancelled' ? { isWhole: false, why } : undefined;
    },
    { withinMs: SAVED_WITHIN_MS, everyMs: 100, signal },
  );
  if (end?.isWhole !== true) throw failed(end?.why ?? 'QEMU gave up');
}

/** The end of it that is no error may come before somebody waits for it. */
function listen(
  folder: string,
  file: string,
  limitBytes: number,
  host: Host,
  signal: AbortSignal,
): { readonly begun: Promise<void>; readonly ended: Promise<void> } {
  const argv = ['perl', '-e', receiveScript(), folder, SOCKET, file, String(limitBytes)];
  let begin = (): void => undefined;
  const listens = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const onLine = (line: string): void => {
    if (line === LISTENS) begin();
  };
  const ended = host.exec(argv, { withinMs: SAVED_WITHIN_MS, signal, onLine }).then(({ exitCode, stderr }) => {
    if (exitCode !== 0) throw failed(stderr.trim());
  });
  ended.catch(() => undefined);
  return { begun: Promise.race([listens, ended]), ended };
}

function failed(why: string): VmkitError {
  return new VmkitError('tool', 'suspend-failed', `The memory was not saved: ${why}`, {
    hint: 'The machine goes on. Is there room beside its data disk?',
  });
}

/** Where QEMU does not answer any more there is no guest to go on, or nothing to be done about it. */
async function letGo(sockets: Sockets, host: Host): Promise<void> {
  await cancelSave(sockets, host).catch(() => undefined);
  const settled = async (): Promise<true | undefined> => {
    const phase = await memoryPhase(sockets, host).catch(() => 'going' as const);
    return phase === 'moving' ? undefined : true;
  };
  await poll(settled, { withinMs: ANSWERED_WITHIN_MS });
  await letGoOn(sockets, host).catch(() => undefined);
}

export async function cancelSave({ controlSocket }: Sockets, host: Host): Promise<void> {
  await qmpCommand(controlSocket, 'migrate_cancel', host, ANSWERED_WITHIN_MS);
}

/** A guest goes on while its memory is saved, until the end of that: QEMU's word for the guest is not enough. */
export const memoryPhase: MemoryKeeper['phase'] = async ({ controlSocket }, host) => {
  const saving = migration.parse(await qmpCommand(controlSocket, 'query-migrate', host, ANSWERED_WITHIN_MS)).status;
  const guest = status.parse(await qmpCommand(controlSocket, 'query-status', host, ANSWERED_WITHIN_MS)).status;
  if (guest === 'inmigrate' || guest === 'finish-migrate') return 'moving';
  if (saving !== undefined && ['setup', 'active', 'device', 'cancelling'].includes(saving)) return 'moving';
  return guest === 'postmigrate' || guest === 'paused' ? 'still' : 'going';
};

export async function letGoOn({ controlSocket }: Sockets, host: Host): Promise<void> {
  await qmpCommand(controlSocket, 'cont', host, ANSWERED_WITHIN_MS);
}

/** The same command, with a guest that stands still (-S) and whose memory comes from a descriptor. */
export function startSaved(saved: SavedGuest, start: Start, host: Host): Promise<HostProcess> {
  const files = saved.files.map((file) => ({ ...file, path: file.path }));
  return launch({ argv: resumeArgv(saved.argv, memoryFd(files)), files }, saved, start, host, saved);
}

/** Pure. */
export function resumeArgv(argv: readonly string[], fd: number): string[] {
  return [...argv, '-S', '-incoming', `fd:${fd}`];
}
