import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { runOnConsole } from '../../guest/console/script.ts';
import { guestHost } from '../../guest/ssh/guest-host.ts';
import type { Context } from '../../host/context.ts';
import { guestAddress } from '../../machine/guest.ts';

/** A way to run scripts in a guest, whatever of it still works. */
export interface GuestShell {
  readonly by: 'ssh' | 'console';
  /** Runs a script for sh and returns what it printed. `onLine` is only called by ssh. */
  run(script: string, withinMs: number, onLine?: (line: string) => void): Promise<string>;
  close(): void;
}

/** What there is of it, and what did not answer. */
export interface OpenedShell {
  readonly shell: GuestShell | undefined;
  /** Why ssh did not; undefined: it did. */
  readonly error: string | undefined;
}

const SSH_MS = 6_000;
const CONSOLE_MS = 4_000;

/** By ssh, or where the guest takes no connection, by the root shell on its console: within 10 s in all, and what ssh is given on top. */
export async function openGuestShell(machine: string, patienceMs: number, context: Context): Promise<OpenedShell> {
  try {
    const address = await guestAddress(machine, context);
    const guest = await guestHost(address, { withinMs: SSH_MS + patienceMs, signal: context.signal });
    const run: GuestShell['run'] = async (script, withinMs, onLine) =>
      (await guest.exec(['sh'], { input: script, withinMs, onLine, signal: context.signal })).stdout;
    return { shell: { by: 'ssh', run, close: () => guest.close() }, error: undefined };
  } catch (error) {
    throwIfInterrupted(context.signal);
    context.report({ kind: 'phase', text: 'ssh does not answer; looks by the console' });
    const { consoleSocket } = machinePaths(context.paths, machine);
    const run: GuestShell['run'] = (script, withinMs) =>
      runOnConsole(consoleSocket, script, context.host, { name: machine, withinMs, signal: context.signal });
    const answers = await run(':', CONSOLE_MS).then(
      () => true,
      () => false,
    );
    throwIfInterrupted(context.signal);
    const shell = answers ? { by: 'console' as const, run, close: () => undefined } : undefined;
    return { shell, error: messageOf(error) };
  }
}
