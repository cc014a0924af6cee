import { type CopiedFile, copyFile } from '../../../verbs/copy-file.ts';
import { defineCommand } from '../../parse/command.ts';
import { bytesText } from '../../show/bytes-text.ts';

export const command = defineCommand({
  usage: 'cp <from> <to>',
  options: (yargs) =>
    yargs
      .positional('from', { type: 'string', demandOption: true, describe: 'A file here, or NAME:PATH in a machine' })
      .positional('to', {
        type: 'string',
        demandOption: true,
        describe: 'The other way round; a folder, or a new name',
      }),
  run: async ({ from, to }, context): Promise<CopiedFile> => copyFile(from, to, context),
  text: ({ from, to, bytes }) => `${from} → ${to}, ${bytesText(bytes)}`,
});
