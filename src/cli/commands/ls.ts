import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { type MachineStatus, machineStatus } from '../../machine/follow/status.ts';
import { addressOf } from '../../machine/ports.ts';
import { machineNames } from '../../machine/state/machines.ts';
import { defineCommand } from '../parse/command.ts';
import { table } from '../show/table.ts';

type Listed = Pick<MachineStatus, 'name' | 'condition' | 'ports'> & {
  /** What the data disk takes on this host, not what it could grow to. */
  readonly dataBytes: number;
};

export const command = defineCommand({
  usage: 'ls',
  options: (yargs) => yargs,
  run: async (_args, context): Promise<readonly Listed[]> =>
    Promise.all((await machineNames(context)).map((name) => listed(name, context))),
  text: (machines) => {
    if (machines.length === 0) return 'No machines yet. vmkit boot miniflux makes one.';
    const rows = machines.map(({ name, condition, dataBytes, ports }) => [
      name,
      condition,
      `${(dataBytes / 1024 ** 2).toFixed(0)} MiB data`,
      ports.map(addressOf).join(' '),
    ]);
    return table(rows);
  },
});

async function listed(name: string, context: Context): Promise<Listed> {
  const { condition, ports } = await machineStatus(name, context);
  const disk = await context.host.stat(machinePaths(context.paths, name).dataDisk);
  return { name, condition, ports, dataBytes: disk?.bytesOnDisk ?? 0 };
}
