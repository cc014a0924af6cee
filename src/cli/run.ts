import { VmkitError } from '../core/errors/errors.ts';
import { explained } from '../core/errors/system-error.ts';
import { packageVersion } from '../core/package-root.ts';
import { nearest } from '../core/text/nearest.ts';
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
  const [first, second] = argv.filter((word, at) => !word.startsWith('-') && argv[at - 1] !== '--host');
  if (first === undefined || first === 'help') return runWithoutVerb(argv);
  // `tailnet key` is one verb.
  const name = second !== undefined && findVerb(`${first} ${second}`) !== undefined ? `${first} ${second}` : first;
  const verb = findVerb(name);
  if (verb === undefined) throw unknownVerb(second === undefined ? first : `${first} ${second}`, first);
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

function unknownVerb(words: string, first: string): VmkitError {
  const family = VERB_NAMES.filter((verb) => verb.startsWith(`${first} `));
  const name = family.length > 0 ? words : first;
  const meant = nearest(name, VERB_NAMES) ?? family[0];
  return new VmkitError('usage', 'unknown-verb', `vmkit has no verb ${name}.`, {
    hint: meant === undefined ? 'vmkit --help lists the verbs.' : `Did you mean: vmkit ${meant}`,
  });
}
