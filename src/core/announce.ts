import { channel } from 'node:diagnostics_channel';
import { shellCommand } from './text/shell-quote.ts';

const commands = channel('vmkit:command');

/**
 * Tells whoever listens that a command is about to run. Called by the few functions through which processes start and guests are told something, so that no
 * caller can forget it. Only argv: secrets are in variables or in the input, never there. `where` is a guest or another host; this machine without.
 */
export function announce(argv: readonly string[], where = ''): void {
  if (commands.hasSubscribers) commands.publish(`${where}$ ${shellCommand(argv)}`);
}

/** Calls `tell` with each command from now on, as a person would type it: `sql$ psql -l`. Back: what ends it. */
export function onCommands(tell: (line: string) => void): () => void {
  const listener = (line: unknown): void => {
    if (typeof line === 'string') tell(line);
  };
  commands.subscribe(listener);
  return () => void commands.unsubscribe(listener);
}
