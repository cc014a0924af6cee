import type { Argv } from 'yargs';
import { VmkitError } from '../../core/errors/errors.ts';
import type { VerbContext } from '../../verbs/step.ts';

/**
 * A verb of the command line: parse, call, return data. Rendering is apart, so that `--json` prints the same data.
 * One module a verb, in commands/<verb>.ts, exported as `command`, loaded only when it is called.
 */
interface Command<Args, Result> {
  /** yargs' notation: `boot <vm>`. */
  readonly usage: string;
  readonly options: (yargs: Argv) => Argv<Args>;
  /** Whether it takes what follows `--`, as `rest`. */
  readonly takesRest?: true;
  /** `rest`: the words after `--`, each as it is: yargs would read some as numbers. */
  readonly run: (args: Args, context: VerbContext, rest?: readonly string[]) => Promise<Result>;
  /** The result for a person; empty prints nothing. */
  readonly text: (result: Result) => string;
  /** For commands whose result is a verdict (`exec`, `check-kernel`): 0 when absent. Errors have their own codes. */
  readonly exitCode?: (result: Result) => number;
}

/** A command whose types are closed over, so that all of them fit one table. */
export interface Runnable {
  /** Parses with yargs; the help's text instead where `--help` was asked for. Throws what yargs' `fail` throws. */
  readonly parse: (yargs: Argv, argv: readonly string[], summary: string) => Promise<Invocation | string>;
}

export type Invocation = (context: VerbContext) => Promise<Outcome>;

interface Outcome {
  readonly result: unknown;
  readonly text: string;
  readonly exitCode: number;
}

export function defineCommand<Args, Result>(command: Command<Args, Result>): Command<Args, Result> & Runnable {
  return { ...command, parse: (yargs, argv, summary) => parse(command, yargs, argv, summary) };
}

async function parse<Args, Result>(
  command: Command<Args, Result>,
  yargs: Argv,
  argv: readonly string[],
  summary: string,
): Promise<Invocation | string> {
  // yargs would leave it out: `status -- sql` would show all machines.
  const end = argv.indexOf('--');
  if (command.takesRest !== true && end >= 0) {
    const [name] = command.usage.split(' ');
    throw new VmkitError('usage', 'bad-usage', `vmkit ${name}: nothing can follow --.`, {
      hint: `Usage: vmkit ${command.usage}`,
    });
  }
  let invocation: Invocation | undefined;
  let help = '';
  // `check` is the place where yargs hands over the arguments in the type of the options.
  const build = (verb: Argv): Argv<Args> =>
    command.options(verb).check((args) => {
      invocation = async (context) => {
        const result = await command.run(args, context, end < 0 ? [] : argv.slice(end + 1));
        return { result, text: command.text(result), exitCode: command.exitCode?.(result) ?? 0 };
      };
      return true;
    });
  await yargs
    .command(command.usage, summary, build, () => undefined)
    .parseAsync(end < 0 ? [...argv] : argv.slice(0, end), {}, (_error, _argv, output) => {
      help = output;
    });
  return invocation ?? help;
}
