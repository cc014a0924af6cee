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
  if ((await ask(`${warning}\nType ${word} to go on: `, signal)) === word) return;
  throw new VmkitError('interrupted', 'interrupted', 'Nothing was changed.');
}

/** Whether a person says yes; nobody at the terminal, and Ctrl-C, say no. */
export async function askYes(question: string, signal: AbortSignal): Promise<boolean> {
  return process.stdin.isTTY === true && /^y(es)?$/i.test(await ask(`${question} [y/N] `, signal));
}

/** Empty where the signal came first. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question, { signal })).trim();
  } catch (error) {
    if (!signal.aborted) throw error;
    return '';
  } finally {
    terminal.close();
  }
}
