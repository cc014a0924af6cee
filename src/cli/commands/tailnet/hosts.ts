import {
  HOSTS_FILE,
  removeHosts,
  type WrittenHosts,
  watchHosts,
  writeHosts,
} from '../../../verbs/tailnet/write-hosts.ts';
import { defineCommand } from '../../parse/command.ts';
import { say } from '../../show/say.ts';

export const command = defineCommand({
  usage: 'hosts',
  options: (yargs) =>
    yargs
      .option('watch', { type: 'boolean', describe: 'Go on, and write them again when they change' })
      .option('remove', { type: 'boolean', describe: 'Take them out again' })
      .option('file', { type: 'string', requiresArg: true, default: HOSTS_FILE, describe: 'The hosts file' })
      .conflicts('watch', 'remove'),
  run: async ({ watch, remove, file }, context): Promise<WrittenHosts | undefined> => {
    if (remove === true) return removeHosts(file, context);
    if (watch !== true) return writeHosts(file, context);
    await watchHosts(file, (written) => say(`${hostsText(written)}\n`), context);
    return undefined;
  },
  text: (written) => (written === undefined ? '' : hostsText(written)),
});

function hostsText({ file, daemon, nodes, isChanged, conflicts }: WrittenHosts): string {
  const asked = daemon === undefined ? '' : `, from ${daemon.socket} (${daemon.foundBy})`;
  const done =
    daemon === undefined
      ? `${file}: ${isChanged ? 'the names of the tailnet are taken out' : 'there are no names of the tailnet'}.`
      : `${file} ${isChanged ? 'has' : 'had'} ${nodes} ${nodes === 1 ? 'node' : 'nodes'} of the tailnet${asked}.`;
  const kept = conflicts.map(
    ({ name, line, addresses }) =>
      `  ${name} stays as you wrote it: \`${line}\`; in the tailnet it is ${addresses.join(', ')}`,
  );
  return [done, ...kept].join('\n');
}
