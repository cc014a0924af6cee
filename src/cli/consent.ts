import { createInterface } from 'node:readline/promises';
import { VmkitError } from '../core/errors/errors.ts';

interface Consent {
  /** What will happen, in one sentence. */
  readonly warning: string;
  /** What a person types to go on. */
  readonly word: string;
  /** The command that does not ask. */
  readonly hint: string;
}

/** Asks before something that cannot be undone. Throws `consent-needed` where there is nobody to ask, `interrupted` for any other answer. */
export async function requireConsent({ warning, word, hint }: Consent, signal: AbortSignal): Promise<void> {
  if (process.stdin.isTTY !== true) {
    throw new VmkitError('usage', 'consent-needed', `${warning} Nothing was changed.`, { hint });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${warning}\nType ${word} to go on: `, { signal });
    if (answer.trim() === word) return;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    terminal.close();
  }
  throw new VmkitError('interrupted', 'interrupted', 'Nothing was changed.');
}
