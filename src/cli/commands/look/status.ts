import { killedText } from '../../../machine/follow/boot-progress.ts';
import { allStatuses, type MachineStatus, machineStatus } from '../../../machine/follow/status.ts';
import { addressOf } from '../../../machine/ports.ts';
import { hasAutostart } from '../../../verbs/autostart.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { networkPicture } from '../../show/network-picture.ts';
import { ageText, table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'status [vm]',
  options: (yargs) =>
    yargs.positional('vm', { type: 'string', describe: 'The machine. Default: all machines, and their networks' }),
  run: async ({ vm }, context): Promise<OneStatus | readonly MachineStatus[]> => {
    if (vm === undefined) return allStatuses(context);
    const name = await machineName(vm, context);
    return { ...(await machineStatus(name, context)), isStartedBySystemd: await hasAutostart(name, context) };
  },
  text: (result) => ('name' in result ? statusText(result) : networkPicture(result)),
});

type OneStatus = MachineStatus & { readonly isStartedBySystemd: boolean };

function statusText(status: OneStatus): string {
  const { name, condition, held, upSeconds, pid, accelerator, kernel, memory, isCutOff, isStartedBySystemd } = status;
  const unit = isStartedBySystemd ? `  systemd starts it with this computer (vmkit-${name})` : '';
  if (condition === 'off') return `${name}: off${unit}`;
  if (condition === 'suspended') return `${name}: suspended. vmkit resume ${name} lets it go on.${unit}`;
  if (condition === 'crashed')
    return `${name}: its QEMU is gone without a clean stop. vmkit boot ${name} starts it again.${unit}`;
  const used =
    memory?.usedMib === undefined ? '' : `, ${memory.guestMib} MiB of memory (its monitor holds ${memory.usedMib} MiB)`;
  const services = status.services.map((service) => {
    const took =
      service.readyAt === undefined || service.startedAt === undefined
        ? ''
        : `after ${(service.readyAt - service.startedAt).toFixed(1)} s`;
    const silent =
      service.state === 'unready' && service.unreadyAt !== undefined
        ? `has not answered for ${ageText(Math.max(0, Math.round((upSeconds ?? 0) - service.unreadyAt)))}`
        : '';
    const ends = service.ends === 0 ? '' : `ended ${service.ends} ${service.ends === 1 ? 'time' : 'times'}`;
    const ports = status.ports.filter((port) => port.service === service.name).map(addressOf);
    return [`  ${service.name}`, service.state, silent === '' ? took : silent, ports.join(' '), ends];
  });
  return [
    `${name}: ${condition}, up ${ageText(upSeconds ?? 0)}, pid ${pid}${used}`,
    ...(held === undefined ? [] : [`  It is ${held.text}.`, `  ${held.hint}`]),
    `  ${[kernel, accelerator].filter(Boolean).join('; ')}`,
    ...(isCutOff ? [`  Its gate to the network has ended: no port answers. vmkit boot ${name} starts it again.`] : []),
    ...(unit === '' ? [] : [unit]),
    table(services),
    ...status.services.flatMap(({ name: service, outOfMemory }) =>
      outOfMemory === undefined ? [] : [`  ${service} ${killedText(outOfMemory)}`],
    ),
  ].join('\n');
}
