import { VmkitError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { packageVersion } from '../core/package-root.ts';
import { explained } from '../core/system-error.ts';
import { hasFlag } from './parse/flags.ts';
import { helpText } from './parse/help.ts';
import { findVerb, VERB_NAMES } from './parse/verbs.ts';

/**
 * Runs one command line (without node and script) and prints its result on standard output. Returns the exit code.
 * Throws what went wrong, for main to print; what went wrong with a file of this computer is no bug.
 */
export const run: (argv: readonly string[], signal: AbortSignal) => Promise<number> = explained(runVerb);

async function runVerb(argv: readonly string[], signal: AbortSignal): Promise<number> {
  if (argv[0] === '--get-yargs-completions') return (await import('./parse/completion.ts')).complete(argv);
  const name = argv.find((word, at) => !word.startsWith('-') && argv[at - 1] !== '--host');
  if (name === undefined || name === 'help') return runWithoutVerb(argv);
  const verb = findVerb(name);
  if (verb === undefined) throw unknownVerb(name);
  if (name === 'completion') return (await import('./parse/completion.ts')).printScript(argv);
  return (await import('./invoke.ts')).invoke(name, verb, argv, signal);
}

function runWithoutVerb(argv: readonly string[]): number {
  const unknown = argv.find(
    (word) => !['help', '--help', '-h', '--version', '--json', '-v', '--verbose'].includes(word),
  );
  if (unknown !== undefined) {
    throw new VmkitError('usage', 'bad-usage', `vmkit has no option ${unknown} of its own, and no verb was given.`, {
      hint: 'vmkit --help lists the verbs.',
    });
  }
  process.stdout.write(hasFlag(argv, '--version') ? `${packageVersion()}\n` : helpText(process.stdout));
  return 0;
}

function unknownVerb(name: string): VmkitError {
  const meant = nearest(name, VERB_NAMES);
  return new VmkitError('usage', 'unknown-verb', `vmkit has no verb ${name}.`, {
    hint: meant === undefined ? 'vmkit --help lists the verbs.' : `Did you mean: vmkit ${meant}`,
  });
}
