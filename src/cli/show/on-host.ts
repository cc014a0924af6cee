import { HOST_VERBS } from '../parse/verbs.ts';

const COMMAND = new RegExp(`\\bvmkit (?:${HOST_VERBS.join('|')})\\b`, 'g');

/**
 * A text with the host that `--host` named in every command of it: `vmkit --host ssh://server stop sql`. Where VMKIT_HOST named it, the
 * next command finds it there again, so `hostUrl` is undefined.
 */
export function onHost<Text extends string | undefined>(text: Text, hostUrl: string | undefined): Text | string {
  if (hostUrl === undefined || hostUrl === '' || text === undefined) return text;
  return text.replace(COMMAND, (command) => `vmkit --host ${hostUrl}${command.slice('vmkit'.length)}`);
}
