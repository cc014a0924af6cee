import { join } from 'node:path';
import { stringify } from 'yaml';
import { shellCommand } from '../core/text/shell-quote.ts';
import { vmmOf } from '../machine/vmm/drivers.ts';
import { EVENT_PORT } from '../spec/guest-event.ts';
import { commandLineOf, type Engine, EXPORTED_FILES, type Exported, type ExportedMachine } from './machine.ts';
import { commonNotes, requireNoHostCard, worldNotes } from './notes.ts';
import { hasPrivateCard, qemuNetworkWords } from './qemu-words.ts';

/** An instance without an image, for Incus 6: it has no direct kernel boot of its own, so what the machine consists of is passed to its QEMU. */
export const incus: Engine = { title: 'Incus', render };

function render(machine: ExportedMachine): Exported {
  requireNoHostCard(machine, 'Incus');
  const { name, folder } = machine;
  return {
    files: [{ path: `${name}.yaml`, mode: 0o644, content: stringify(instance(machine), { lineWidth: 0 }) }],
    steps: [
      'sudo chown root secrets.img data.img   # Incus starts QEMU as root, which opens them and then gives up its rights',
      `incus create --vm --empty ${name} < ${name}.yaml`,
      `incus start ${name}`,
      `sudo timeout ${machine.readyWithinS} sh -c 'until grep -q "\\"event\\":\\"booted\\"" events.log; do sleep 0.2; done' && echo ready`,
      `incus console ${name}`,
      `incus stop ${name}`,
    ],
    notes: [
      ...commonNotes(machine),
      ...worldNotes(machine),
      ...(hasPrivateCard(machine)
        ? [
            'Its private network is multicast on the loopback of this host: every program here can listen and speak there.',
          ]
        : []),
      'Kernel, disks and cards are in `raw.qemu`: Incus does not show, move, back up or snapshot them. Its own root disk stays empty.',
      `It names the folder ${folder}. Moved elsewhere: change it in ${name}.yaml.`,
      'Incus runs an agent in its guests; there is none here, so `incus exec` does not work.',
      ...(machine.arch === 'arm64'
        ? ["Incus starts arm64 guests by UEFI only: the kernel must have EFI_STUB, as Debian's has."]
        : []),
    ],
  };
}

function instance(machine: ExportedMachine): object {
  const { name, arch, cpus, memoryMib, folder } = machine;
  return {
    architecture: arch === 'arm64' ? 'aarch64' : 'x86_64',
    description: `${name}, exported by vmkit`,
    config: {
      'limits.cpu': String(cpus),
      'limits.memory': `${memoryMib}MiB`,
      'boot.autostart': 'true',
      'security.secureboot': 'false',
      // SeaBIOS: QEMU's own start of a kernel, without UEFI.
      ...(arch === 'x86_64' ? { 'security.csm': 'true' } : {}),
      'raw.apparmor': `${folder}/** rwk,`,
      'raw.qemu': shellCommand(words(machine)),
    },
    devices: {},
  };
}

function words(machine: ExportedMachine): string[] {
  const { arch, folder, disks } = machine;
  const file = (path: string): string => join(folder, path);
  const board = vmmOf({ vmm: 'qemu' }).kernelParameters(arch);
  return [
    ...['-kernel', file(EXPORTED_FILES.kernel), '-initrd', file(EXPORTED_FILES.initramfs)],
    ...['-append', commandLineOf(machine, board)],
    ...disks.flatMap(({ serial, isReadOnly }) => [
      '-drive',
      `file=${file(EXPORTED_FILES[serial])},format=raw,if=none,id=${serial},${isReadOnly ? 'readonly=on' : 'discard=unmap'}`,
      '-device',
      `virtio-blk-pci,drive=${serial},serial=${serial}`,
    ]),
    ...qemuNetworkWords(machine),
    ...['-serial', `file:${file('console.log')}`],
    ...['-chardev', `file,id=vmkit-events,path=/dev/null,logfile=${file('events.log')},logappend=off`],
    ...['-device', 'virtio-serial-pci', '-device', `virtserialport,chardev=vmkit-events,name=${EVENT_PORT.name}`],
  ];
}
