import { parseReference } from '../../../store/oci/reference.ts';
import { readKeyFile } from '../../../verbs/registry/key-file.ts';
import { type PullResult, pullMachine } from '../../../verbs/registry/pull-machine.ts';
import { defineCommand } from '../../parse/command.ts';

export const command = defineCommand({
  usage: 'pull <image>',
  options: (yargs) =>
    yargs
      .positional('image', { type: 'string', demandOption: true, describe: 'oci://HOST/REPOSITORY[:TAG]' })
      .option('key', {
        type: 'string',
        describe: 'Take it only with a signature by this public key, a PEM file (cosign.pub)',
      })
      .option('output', { alias: 'o', type: 'string', default: 'vm', describe: 'The folder of definitions' }),
  run: async ({ image, key, output }, context): Promise<PullResult> => {
    const publicKey = key === undefined ? undefined : await readKeyFile(key, false, context);
    return pullMachine(parseReference(image), output, publicKey, context);
  },
  text: ({ machine, digest, definition, pulledBytes, isVerified }) =>
    [
      `${machine} ${digest}: ${(pulledBytes / 1e6).toFixed(1)} MB came, ${isVerified ? 'signature verified' : 'signature not asked for (--key)'}`,
      `${definition}; vmkit boot ${machine}`,
    ].join('\n'),
});
