import { styled } from './style.ts';
import { VERB_GROUPS } from './verbs.ts';

/** The help of vmkit as a whole. Each verb's own help comes from yargs. */
export function helpText(stream: { isTTY?: boolean } = {}): string {
  const width = Math.max(...VERB_GROUPS.flatMap(({ verbs }) => Object.values(verbs).map((verb) => verb.usage.length)));
  const groups = VERB_GROUPS.map(({ title, verbs }) => {
    const lines = Object.values(verbs).map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`);
    return `${styled('bold', title, stream)}\n${lines.join('\n')}\n`;
  });
  return `vmkit: service machines that boot until they really answer

  vmkit boot miniflux     builds what is stale, boots, waits, prints where it is
  vmkit stop miniflux     services down in reverse order, then power off

${groups.join('\n')}
${styled('bold', 'Everywhere', stream)}
  --json         The result as JSON on standard output, an error as JSON on standard error
  -v, --verbose  Every command that is run
  --help         Of vmkit, or of a verb: vmkit boot --help
  --version

A <vm> is a folder below ./vm, a definition that ships with vmkit (forgejo, miniflux, sql), or a path to a vm.yaml.
`;
}
