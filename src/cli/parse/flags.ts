/** The value of a global option, as `--host X` or `--host=X`; the last one counts. What follows `--` belongs to somebody else. */
export function optionValue(argv: readonly string[], option: string): string | undefined {
  const end = argv.indexOf('--');
  const own = argv.slice(0, end < 0 ? argv.length : end);
  const values = own.flatMap((word, at) => {
    if (word === option) return own.slice(at + 1, at + 2);
    return word.startsWith(`${option}=`) ? [word.slice(option.length + 1)] : [];
  });
  return values.at(-1);
}

/** Whether a global flag is given; what follows `--` belongs to somebody else. */
export function hasFlag(argv: readonly string[], ...flags: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).some((word) => flags.includes(word));
}
