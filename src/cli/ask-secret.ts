/** Asks for a secret at the terminal, unseen. Undefined where there is no terminal, or nothing was typed. */
export async function askSecret(question: string): Promise<string | undefined> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined;
  // Loaded when it is needed: most verbs ask nothing.
  const { default: password } = await import('@inquirer/password');
  const answer = await password({ message: `${question}:` }, { output: process.stderr });
  return answer.trim() === '' ? undefined : answer.trim();
}
