import type { Runnable } from './command.ts';

/** The one module of a verb. */
export async function loadCommand(verb: string): Promise<Runnable> {
  const module: unknown = await import(`./commands/${verb}.ts`);
  if (typeof module === 'object' && module !== null && 'command' in module && isRunnable(module.command)) {
    return module.command;
  }
  throw new TypeError(`commands/${verb}.ts exports no command made by defineCommand.`);
}

function isRunnable(value: unknown): value is Runnable {
  return typeof value === 'object' && value !== null && 'parse' in value && typeof value.parse === 'function';
}
