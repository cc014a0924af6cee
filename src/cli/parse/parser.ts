import yargs, { type Argv } from 'yargs';
import { VmkitError } from '../../core/errors/errors.ts';
import { findVerb } from './verbs.ts';

/** The yargs that every verb extends: strict, with the options that hold everywhere; verbs that only build know no host. It never prints an error or exits. */
export function parserFor(argv: readonly string[], verb: string, isBuild?: true): Argv {
  const [own = '', ...family] = verb.split(' ').reverse();
  const parser = yargs([...argv])
    .scriptName(['vmkit', ...family].join(' '))
    .locale('en')
    .strict()
    .exitProcess(false)
    .showHelpOnFail(false)
    .version(false)
    .help('help', 'Show this help')
    .alias('help', 'h')
    .option('json', { type: 'boolean', describe: 'Print the result as JSON' })
    .option('verbose', { alias: 'v', type: 'boolean', describe: 'Print every command that is run' })
    .wrap(Math.min(120, process.stdout.columns ?? 100))
    .fail((message, error) => {
      throw error ?? usageError(message, [...family, own].join(' ').trim());
    });
  if (isBuild === true) return parser;
  return parser.option('host', {
    type: 'string',
    requiresArg: true,
    describe:
      'Where machines run: ssh://[USER@]HOST[:PORT], or adb:[SERIAL] for a phone. Default: VMKIT_HOST, else this computer',
  });
}

function usageError(message: string, name: string): VmkitError {
  const text = /^Not enough non-option/.test(message) ? 'something is missing' : message.replace(/\.$/, '');
  return new VmkitError('usage', 'bad-usage', `vmkit ${name}: ${text}.`, {
    hint: `Usage: vmkit ${findVerb(name)?.usage ?? name}\nvmkit ${name} --help says more.`,
  });
}
