/** A word for a POSIX shell, in single quotes (POSIX shell command language, 2.2.2). */
export function quoteWord(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** One command line for a POSIX shell that gives the program exactly these arguments; quoted only where that is needed. */
export function shellCommand(argv: readonly string[]): string {
  return argv.map((word) => (/^[A-Za-z0-9_/:=.,@%+-]+$/.test(word) ? word : quoteWord(word))).join(' ');
}
