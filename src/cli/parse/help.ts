import { styled } from '../show/style.ts';
import { VERB_GROUPS } from './verbs.ts';

/** The help of vmkit as a whole. Each verb's own help comes from yargs. */
export function helpText(stream: { isTTY?: boolean } = {}): string {
  const width = Math.max(...VERB_GROUPS.flatMap(({ verbs }) => Object.values(verbs).map((verb) => verb.usage.length)));
  const groups = VERB_GROUPS.map(({ title, verbs }) => {
    const lines = Object.values(verbs).map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`);
    return `${styled('bold', title, stream)}\n${lines.join('\n')}\n`;
  });
  return `vmkit runs services in virtual machines of their own, and says when they really answer

  vmkit boot miniflux     builds what has changed, boots, waits until it answers, prints where it is
  vmkit stop miniflux     stops the services in reverse order, then powers off

${groups.join('\n')}
${styled('bold', 'Everywhere', stream)}
  --host URL     Work with machines on ssh://[USER@]HOST[:PORT] or adb:[SERIAL]; VMKIT_HOST says the same
  --json         Print the result as JSON on standard output, an error as JSON on standard error
  -v, --verbose  Print every command that is run
  --help         Help for vmkit, or for a verb: vmkit boot --help
  --version      Print the version

A <vm> is a folder of ./vm, one that ships (forge, forgejo, miniflux, news, sql), or the path of a vm.yaml.
`;
}
