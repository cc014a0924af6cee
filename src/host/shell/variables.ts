import { quoteWord } from '../../core/text/shell-quote.ts';

/** Lines of a POSIX shell that export these variables. */
export function exports(env: Readonly<Record<string, string>> = {}): string {
  return Object.entries(env)
    .map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new TypeError(`${name} is no name of an environment variable.`);
      return `export ${name}=${quoteWord(value)}\n`;
    })
    .join('');
}

/**
 * A command whose variables come as the first line of its standard input, for a login shell that takes none beside its command line. `input` goes before the
 * command's own; a POSIX shell's `read` takes no byte after the line.
 */
export function commandWithVariables(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): { readonly argv: readonly string[]; readonly input: string } {
  const script = 'IFS= read -r line; eval "$(printf %b "$line")"; exec "$@"';
  return { argv: ['sh', '-c', script, 'sh', ...argv], input: oneLine(exports(env)) };
}

/** Text as one line that `printf %b` turns back. */
function oneLine(text: string): string {
  return `${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
}
