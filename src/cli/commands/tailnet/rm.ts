import { VmkitError } from '../../../core/errors/errors.ts';
import { nearest } from '../../../core/text/nearest.ts';
import { requireControl } from '../../../tailnet/control/choose-control.ts';
import type { Device } from '../../../tailnet/control/control.ts';
import { requireConsent } from '../../consent.ts';
import { defineCommand } from '../../parse/command.ts';
import { deviceText } from '../../show/device-text.ts';

export const command = defineCommand({
  usage: 'rm <nodes..>',
  options: (yargs) =>
    yargs
      .positional('nodes', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Their names in the tailnet, as devices lists them',
      })
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Remove them without asking' }),
  run: async ({ nodes, yes }, { builder, signal }): Promise<readonly Device[]> => {
    const control = await requireControl(builder.host, signal);
    const all = await control.devices();
    const devices = nodes.map((node) => {
      const device = all.find(({ name }) => name === node);
      if (device === undefined) throw unknownNode(node, all);
      return device;
    });
    const named = devices.map(deviceText).join(', ');
    const warning = `This removes ${named} from the tailnet: logged out, each address free.`;
    const hint = `vmkit tailnet rm ${nodes.join(' ')} --yes`;
    if (!yes) await requireConsent({ warning, word: nodes.join(' '), hint }, signal);
    for (const { id } of devices) await control.removeDevice(id);
    return devices;
  },
  text: (devices) => `Removed ${devices.map(deviceText).join(', ')}.`,
});

function unknownNode(node: string, devices: readonly Device[]): VmkitError {
  const names = devices.map(({ name }) => name);
  const meant = nearest(node, names);
  return new VmkitError('usage', 'node-unknown', `The tailnet has no node ${node}.`, {
    hint: meant === undefined ? 'vmkit tailnet devices lists them.' : `Did you mean ${meant}?`,
  });
}
