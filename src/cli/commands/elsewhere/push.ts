import { requireTools } from '../../../host/tools/tools.ts';
import { chooseComponents } from '../../../image/components/component-choice.ts';
import { withKernel } from '../../../spec/kernel.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { parseReference } from '../../../store/oci/reference.ts';
import { buildTools } from '../../../verbs/build/machine-tools.ts';
import { readKeyFile } from '../../../verbs/registry/key-file.ts';
import { type PushResult, pushMachine } from '../../../verbs/registry/push-machine.ts';
import { defineCommand } from '../../parse/command.ts';
import { COMPONENT, DEFINITION, KERNEL } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'push <vm> <image>',
  options: (yargs) =>
    yargs
      .positional('vm', DEFINITION)
      .positional('image', { type: 'string', demandOption: true, describe: 'oci://HOST/REPOSITORY[:TAG]' })
      .option('sign', {
        type: 'string',
        describe: 'Sign with this private key: ECDSA P-256, a PEM file that nobody else reads',
      })
      .option('component', COMPONENT)
      .option('kernel', KERNEL),
  run: async ({ vm, image, sign, component, kernel }, context): Promise<PushResult> => {
    const reference = parseReference(image);
    const spec = withKernel(await loadVm(vm, context), kernel, process.cwd());
    const key = sign === undefined ? undefined : await readKeyFile(sign, true, context);
    await requireTools(await buildTools(spec, context), context, { setup: false });
    return pushMachine(spec, reference, chooseComponents(component, process.env, spec, process.cwd()), key, context);
  },
  text: ({ reference, digest, bytes, sentBytes, isSigned }) =>
    `${reference} is ${digest}${isSigned ? ', signed' : ''}\n${megabytes(sentBytes)} of ${megabytes(bytes)} MB were sent`,
});

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
