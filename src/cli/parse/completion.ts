import { VmkitError } from '../../core/errors/errors.ts';
import { definitionNames } from '../../spec/read/definitions.ts';
import { print } from '../show/say.ts';
import { loadCommand } from './load.ts';
import { parserFor } from './parser.ts';
import { findVerb, VERB_NAMES } from './verbs.ts';

const SHELLS = ['bash', 'zsh'];

/** Prints the script that a shell reads at its start: `eval "$(vmkit completion bash)"`. */
export function printScript(argv: readonly string[]): number {
  const shell = argv.find((word) => !word.startsWith('-') && word !== 'completion');
  if (shell !== undefined && !SHELLS.includes(shell)) {
    throw new VmkitError('usage', 'bad-usage', `vmkit completion: there is no script for ${shell}.`, {
      hint: `vmkit completion ${SHELLS.join(', or vmkit completion ')}`,
    });
  }
  // yargs takes the shell from its environment.
  if (shell !== undefined) process.env['SHELL'] = shell;
  parserFor([], '').showCompletionScript();
  return 0;
}

/** Answers that script: one possible next word a line. `argv` is `--get-yargs-completions vmkit WORD... CURRENT`. */
export async function complete(argv: readonly string[]): Promise<number> {
  const words = argv.slice(2);
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1).filter((word) => !word.startsWith('-'));
  const candidates = await candidatesFor(before, current);
  for (const candidate of candidates) if (candidate.startsWith(current)) print(candidate);
  return 0;
}

async function candidatesFor([verb, ...rest]: readonly string[], current: string): Promise<readonly string[]> {
  if (verb === undefined) return [...new Set(VERB_NAMES.map((name) => name.split(' ')[0] ?? name))];
  const family = VERB_NAMES.flatMap((name) => (name.startsWith(`${verb} `) ? [name.slice(verb.length + 1)] : []));
  if (family.length > 0) return completeFamily(verb, family, rest, current);
  if (current.startsWith('-')) return optionsOf(verb);
  if (verb === 'completion') return SHELLS;
  return rest.length === 0 && /[<[]vm[>\]]/.test(findVerb(verb)?.usage ?? '') ? definitionNames(process.cwd()) : [];
}

/** After the first word of verbs that have two: `tailnet`. */
async function completeFamily(
  first: string,
  family: readonly string[],
  [second]: readonly string[],
  current: string,
): Promise<readonly string[]> {
  if (second === undefined) return family;
  return current.startsWith('-') ? optionsOf(`${first} ${second}`) : [];
}

/** The options of a verb, as its help lists them. */
async function optionsOf(verb: string): Promise<string[]> {
  if (findVerb(verb) === undefined || verb === 'completion') return [];
  const argv = [verb.split(' ').at(-1) ?? verb, '--help'];
  const help = await (await loadCommand(verb)).parse(parserFor(argv, verb), argv, '');
  return typeof help === 'string' ? [...new Set(help.match(/--[a-z][a-z-]+/g))] : [];
}
