import type { Argv } from 'yargs';
import type { Context } from '../host/context.ts';

/**
 * A verb of the command line: parse, call, return data. Rendering is apart, so that `--json` prints the same data.
 * One module a verb, in commands/<verb>.ts, exported as `command`, loaded only when it is called.
 */
export interface Command<Args, Result> {
  /** yargs' notation: `boot <vm>`. */
  readonly usage: string;
  readonly options: (yargs: Argv) => Argv<Args>;
  readonly run: (args: Args, context: Context) => Promise<Result>;
  /** The result for a person; empty prints nothing. */
  readonly text: (result: Result) => string;
}

export function defineCommand<Args, Result>(command: Command<Args, Result>): Command<Args, Result> {
  return command;
}
