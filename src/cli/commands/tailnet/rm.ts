import { VmkitError } from '../../../core/errors/errors.ts';
import { nearest } from '../../../core/text/nearest.ts';
import { requireControl } from '../../../tailnet/control/choose-control.ts';
import type { Device } from '../../../tailnet/control/control.ts';
import { requireConsent } from '../../consent.ts';
import { defineCommand } from '../../parse/command.ts';
import { deviceText } from '../../show/device-text.ts';

export const command = defineCommand({
  usage: 'rm <node>',
  options: (yargs) =>
    yargs
      .positional('node', {
        type: 'string',
        demandOption: true,
        describe: 'Its name in the tailnet, as devices lists it',
      })
      .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Remove it without asking' }),
  run: async ({ node, yes }, { builder, signal }): Promise<Device> => {
    const control = await requireControl(builder.host, signal);
    const devices = await control.devices();
    const device = devices.find(({ name }) => name === node);
    if (device === undefined) throw unknownNode(node, devices);
    const warning = `This removes ${deviceText(device)} from the tailnet: it is logged out, and its address becomes free.`;
    if (!yes) await requireConsent({ warning, word: node, hint: `vmkit tailnet rm ${node} --yes` }, signal);
    await control.removeDevice(device.id);
    return device;
  },
  text: (device) => `Removed ${deviceText(device)}.`,
});

function unknownNode(node: string, devices: readonly Device[]): VmkitError {
  const names = devices.map(({ name }) => name);
  const meant = nearest(node, names);
  return new VmkitError('usage', 'node-unknown', `The tailnet has no node ${node}.`, {
    hint: meant === undefined ? 'vmkit tailnet devices lists them.' : `Did you mean ${meant}?`,
  });
}
