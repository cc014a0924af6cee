import { machinePaths } from '../../../core/paths.ts';
import type { Context } from '../../../host/context.ts';
import { allStatuses, type MachineStatus } from '../../../machine/follow/status.ts';
import { addressOf } from '../../../machine/ports.ts';
import { defineCommand } from '../../parse/command.ts';
import { table } from '../../show/table.ts';

type Listed = Pick<MachineStatus, 'name' | 'condition' | 'ports' | 'trouble'> & {
  /** What the data disk takes on this host, not what it could grow to. */
  readonly dataBytes: number;
};

export const command = defineCommand({
  usage: 'ls',
  options: (yargs) => yargs,
  run: async (_args, context): Promise<readonly Listed[]> =>
    Promise.all((await allStatuses(context)).map((status) => listed(status, context))),
  text: (machines) => {
    if (machines.length === 0) return 'No machines yet. vmkit boot miniflux makes one.';
    const rows = machines.map(({ name, condition, dataBytes, ports, trouble }) => [
      name,
      condition,
      `${(dataBytes / 1024 ** 2).toFixed(0)} MiB data`,
      trouble ?? ports.map(addressOf).join(' '),
    ]);
    return table(rows);
  },
});

async function listed({ name, condition, ports, trouble }: MachineStatus, context: Context): Promise<Listed> {
  const file = machinePaths(context.paths, name).dataDisk;
  const disk = trouble === undefined ? await context.host.stat(file) : undefined;
  return { name, condition, ports, trouble, dataBytes: disk?.bytesOnDisk ?? 0 };
}
