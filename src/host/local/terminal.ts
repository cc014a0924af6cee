/** Runs `work` with the terminal raw: each key goes through as it is, Ctrl-C too. Restored whatever happens. */
export async function withRawTerminal<T>(work: () => Promise<T>): Promise<T> {
  const { stdin } = process;
  if (stdin.isTTY !== true) return work();
  stdin.setRawMode(true);
  try {
    return await work();
  } finally {
    stdin.setRawMode(false);
  }
}
