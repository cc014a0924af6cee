import { machineName } from '../../../verbs/machine-name.ts';
import { type MachineUsage, machineUsages } from '../../../verbs/top.ts';
import { defineCommand } from '../../parse/command.ts';
import { bytesText } from '../../show/bytes-text.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'top [vm]',
  options: (yargs) => yargs.positional('vm', { type: 'string', describe: 'The machine. Default: all that run' }),
  run: async ({ vm }, context): Promise<readonly MachineUsage[]> =>
    machineUsages(vm === undefined ? undefined : await machineName(vm, context), context),
  text: (machines) => {
    if (machines.length === 0) return 'No machine runs.';
    const head = ['', 'processor', 'memory', 'data disk', 'disk /s', 'network /s'];
    return table([head, ...machines.flatMap(rows)]);
  },
});

const percent = (cpu: number): string => `${Math.round(cpu * 100)} %`;
/** In the direction of the guest, and out of it. */
const ways = (into: number, out: number): string =>
  `${bytesText(Math.round(into))} in, ${bytesText(Math.round(out))} out`;

function rows({ name, cpu, cpus, memory, guest }: MachineUsage): string[][] {
  const used = memory.usedMib === undefined ? '?' : String(memory.usedMib);
  const own = [name, `${percent(cpu)} of ${cpus * 100} %`, `${used} of ${memory.guestMib} MiB`];
  if (guest === undefined) return [[...own, 'does not answer']];
  const { data, services } = guest;
  return [
    [
      ...own,
      `${bytesText(data.usedBytes)} of ${bytesText(data.totalBytes)}`,
      ways(guest.read, guest.written),
      ways(guest.received, guest.sent),
    ],
    ...services.map((service) => [`  ${service.name}`, percent(service.cpu), bytesText(service.memoryBytes)]),
  ];
}
