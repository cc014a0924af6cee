import { GUEST } from '../../core/guest-paths.ts';
import type { MachinePaths } from '../../core/paths.ts';
import { runOnConsole } from '../../guest/console/script.ts';
import type { Context } from '../../host/context.ts';
import { withGuest } from '../guest.ts';
import { vmmOf } from '../vmm/drivers.ts';
import type { VmmName } from '../vmm/vmm-facts.ts';

/** One way to ask a guest to power itself off. */
export interface Ask {
  /** For people: `ssh`. */
  readonly by: string;
  /** Back when it was asked; whether it obeys is seen on its console. Throws where it could not be asked within so many milliseconds. */
  readonly ask: (withinMs: number) => Promise<void>;
}

/** The ways, in the order of trying: whoever would start it anew, a login, the root shell on the serial console, and the key that a person would press. */
export function waysToAsk(
  { name, vmm: vmmName }: { readonly name: string; readonly vmm: VmmName },
  paths: MachinePaths,
  context: Context,
): readonly Ask[] {
  const vmm = vmmOf({ vmm: vmmName });
  return [
    ...(vmm.release === undefined
      ? []
      : [{ by: 'the supervisor', ask: async (): Promise<void> => vmm.release?.(name, context.host) }]),
    {
      by: 'ssh',
      ask: (withinMs) =>
        withGuest(
          name,
          context,
          async (guest) => {
            // The guest may be gone before it has said goodbye to us.
            await guest.exec([GUEST.powerOff], { withinMs }).catch(() => undefined);
          },
          withinMs,
        ),
    },
    {
      by: 'its console',
      ask: async (withinMs) => {
        const { host, signal } = context;
        await runOnConsole(paths.consoleSocket, GUEST.powerOff, host, { name, withinMs, signal });
      },
    },
    ...(vmm.abilities.has('power-key')
      ? [
          {
            by: 'its power key',
            ask: (withinMs: number): Promise<void> => vmm.pressPowerKey(paths, withinMs, context.host),
          },
        ]
      : []),
  ];
}
