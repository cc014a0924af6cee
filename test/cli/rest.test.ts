import { expect, test } from 'vitest';
import { defineCommand } from '../../src/cli/parse/command.ts';
import { parserFor } from '../../src/cli/parse/parser.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const command = defineCommand({
  usage: 'exec <vm>',
  takesRest: true,
  options: (yargs) => yargs.positional('vm', { type: 'string', demandOption: true }),
  run: async ({ vm }, _context, rest = []) => [vm, ...rest],
  text: (words) => words.join(' '),
});

test.each([[['1', '007', '0x10', '1e3', '-0']], [['', ' a  b ', '--', '--host', '-v', '--no-x=1', 'a.b']], [[]]])(
  'words after -- reach the command as they are: %j',
  async (words) => {
    const argv = ['exec', 'sql', '--', ...words];
    const invocation = await command.parse(parserFor(argv, 'exec'), argv, 'summary');
    if (typeof invocation === 'string') throw new Error(invocation);
    expect((await invocation(contextIn(await temporaryFolder()))).result).toEqual(['sql', ...words]);
  },
);
