import { addressOf } from '../../../machine/ports.ts';
import { type ForwardedPort, forwardPorts } from '../../../verbs/forward.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';
import { say } from '../../show/say.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'forward <vm>',
  options: (yargs) => yargs.positional('vm', MACHINE),
  run: async ({ vm }, context) => {
    const name = await machineName(vm, context);
    await forwardPorts(name, (ports) => say(forwardedText(name, context.host.name, ports)), context);
    return { name };
  },
  text: () => '',
});

function forwardedText(name: string, host: string, ports: readonly ForwardedPort[]): string {
  const rows = ports.map(({ service, protocol, hostPort, here }) => [
    `  ${service}`,
    addressOf({ protocol, hostPort: here }),
    here === hostPort ? '' : `(${hostPort} there)`,
  ]);
  return `${[`Ports of ${name} on ${host}, open here until Ctrl-C:`, table(rows)].join('\n')}\n`;
}
