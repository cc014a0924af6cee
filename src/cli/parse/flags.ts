/** Whether a global flag is given; what follows `--` belongs to somebody else. */
export function hasFlag(argv: readonly string[], ...flags: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).some((word) => flags.includes(word));
}
