import { printableJson } from '../core/text/printable.ts';
import { createContext } from './context.ts';
import { hasFlag, optionValue } from './parse/flags.ts';
import { loadCommand } from './parse/load.ts';
import { parserFor } from './parse/parser.ts';
import type { Verb } from './parse/verbs.ts';
import { onHost } from './show/on-host.ts';
import { print } from './show/say.ts';

/** Parses and runs one verb, prints its result as text or as JSON, and returns its exit code. */
export async function invoke(
  verb: string,
  { summary, isBuild }: Verb,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const command = await loadCommand(verb);
  const words = argv.slice();
  const [family, own] = verb.split(' ');
  if (own !== undefined) words.splice(words.indexOf(family ?? ''), 1);
  const invocation = await command.parse(parserFor(words, verb, isBuild), words, summary);
  if (typeof invocation === 'string') {
    process.stdout.write(`${invocation}\n`);
    return 0;
  }
  const isJson = hasFlag(argv, '--json');
  const hostUrl = isBuild === true ? undefined : (optionValue(argv, '--host') ?? process.env['VMKIT_HOST']);
  const context = await createContext({
    hostUrl: hostUrl === '' ? undefined : hostUrl,
    isJson,
    isVerbose: hasFlag(argv, '-v', '--verbose'),
    signal,
  });
  const { result, text, exitCode } = await invocation(context);
  if (isJson) process.stdout.write(`${printableJson(result ?? null, 2)}\n`);
  else print(onHost(text, optionValue(argv, '--host')));
  return exitCode;
}
