import { durationSeconds } from '../../../core/duration.ts';
import { requireControl } from '../../../tailnet/control/choose-control.ts';
import { type ListedDevice, listDevices } from '../../../verbs/tailnet/old-nodes.ts';
import { defineCommand } from '../../parse/command.ts';
import { ageText, table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'devices',
  options: (yargs) =>
    yargs.option('stale', {
      type: 'string',
      describe:
        'Only those that were not seen for so long (30d), and those that another node of the same machine replaced',
    }),
  run: async ({ stale }, { builder, signal }): Promise<readonly ListedDevice[]> => {
    const staleMs = durationSeconds('--stale', stale || '30d') * 1000;
    const control = await requireControl(builder.host, signal);
    const listed = listDevices(await control.devices(), Date.now(), staleMs);
    return stale === undefined
      ? listed
      : listed.filter(({ isStale, replacedBy }) => isStale || replacedBy !== undefined);
  },
  text: (devices) => {
    if (devices.length === 0) return 'No such nodes.';
    const rows = devices.map(({ name, addresses, tags, isOnline, lastSeen, replacedBy }) => [
      name,
      addresses.join(' '),
      tags.join(' '),
      isOnline === true ? 'online' : lastSeen === undefined ? 'never seen' : `seen ${ageText(ageOf(lastSeen))} ago`,
      replacedBy === undefined ? '' : `the same machine is ${replacedBy} now`,
    ]);
    return table(rows);
  },
});

function ageOf(time: number): number {
  return Math.max(0, Math.round((Date.now() - time) / 1000));
}
