import { printable } from '../../core/text/printable.ts';

/**
 * The two ways in which text leaves vmkit, apart from a person's own terminal in the guest (console, shell, exec) and JSON. What a guest, a peer or a tool
 * said may be anywhere in it, so it is made harmless here, at the end. A test sees to it that nobody else writes.
 */
export function say(text: string, longestLine?: number): void {
  process.stderr.write(printable(text, longestLine));
}

/** A result, on standard output; it ends with a newline. */
export function print(text: string, longestLine?: number): void {
  if (text !== '') process.stdout.write(printable(text.endsWith('\n') ? text : `${text}\n`, longestLine));
}
