import { USER_NETWORK } from '../spec/networks/user-network.ts';
import { PRESS, tapNotes } from './crosvm.ts';
import { linkMac, networkScript, tapsOf } from './host-tap.ts';
import { cannot, commandLineOf, type Engine, EXPORTED_FILES, type Exported, type ExportedMachine } from './machine.ts';
import { commonNotes, requireNoHostCard } from './notes.ts';
import { readyScript, script, stopScript, TAKE } from './scripts.ts';

/** A configuration file of Firecracker (`--config-file`, the bodies of its API), from version 1.5 on. */
export const firecracker: Engine = { title: 'Firecracker', render };

const MAX_CPUS = 32;

function render(machine: ExportedMachine): Exported {
  requireNoHostCard(machine, 'Firecracker');
  refuse(machine);
  return {
    files: [
      { path: 'firecracker.json', mode: 0o644, content: `${JSON.stringify(configuration(machine), undefined, 2)}\n` },
      script(
        'run',
        `Runs ${machine.name} by Firecracker, until it is off. Its configuration names files of this folder.`,
        `[ "$PWD" = "$here" ] || { echo 'RUN is for other engines.' >&2; exit 1; }
${TAKE}rm -f console.in
mkfifo console.in
echo $$ >pid
exec firecracker --no-api --config-file firecracker.json 0<>console.in >console.log
`,
      ),
      networkScript(machine),
      readyScript(machine, 'console.log'),
      stopScript(machine, PRESS + END),
    ],
    steps: ['sudo ./network up "$USER"', './run &', './ready', 'tail -f console.log', './stop', 'sudo ./network down'],
    notes: [
      ...commonNotes(machine),
      ...tapNotes(machine),
      'Firecracker needs KVM. It has no virtio ports: the guest says its events on the console, where any service can print one.',
      'Its disks have no serial of their own: the guest is told their order (`vmkit.disks`). Do not change it in the configuration.',
      'A guest that powers off halts: `stop` ends Firecracker when the guest says that it has stopped.',
    ],
  };
}

/** The guest's last word is on the console. */
const END = `left=600
until grep -q '"event":"stopped","uptime"' console.log; do
  left=$((left - 1))
  [ $left -gt 0 ] || break
  sleep 0.2
done
kill "$(cat pid)"
`;

function refuse(machine: ExportedMachine): void {
  const { name, arch, cpus, isElf, disks } = machine;
  if (arch === 'x86_64' && !isElf) {
    throw cannot(
      'Firecracker',
      name,
      'it starts an uncompressed kernel (vmlinux) only',
      'Take `kernel: vmkit`: vmkit build-kernel',
    );
  }
  if (disks.some(({ serial }) => serial === 'vmkit-modules')) {
    throw cannot(
      'Firecracker',
      name,
      'its kernel has the drivers for virtio-mmio as modules',
      'Take `kernel: vmkit`: vmkit build-kernel',
    );
  }
  if (cpus > MAX_CPUS) {
    throw cannot('Firecracker', name, `${cpus} processors are more than ${MAX_CPUS}`, 'Give it fewer in its vm.yaml.');
  }
}

/** src/firecracker/swagger/firecracker.yaml of Firecracker 1.5. */
function configuration(machine: ExportedMachine): object {
  const { disks, cpus, memoryMib } = machine;
  const { user, link } = tapsOf(machine);
  const own = linkMac(machine);
  const order = disks.map(({ serial }) => serial).join(',');
  const board = `console=ttyS0 reboot=k vmkit.events=ttyS0 vmkit.disks=${order}`;
  return {
    'boot-source': {
      kernel_image_path: EXPORTED_FILES.kernel,
      initrd_path: EXPORTED_FILES.initramfs,
      boot_args: commandLineOf(machine, board),
    },
    drives: disks.map(({ serial, isReadOnly }) => ({
      drive_id: serial.replaceAll('-', '_'),
      path_on_host: EXPORTED_FILES[serial],
      is_root_device: false,
      is_read_only: isReadOnly,
      // The guest's fsync is one here.
      ...(isReadOnly ? {} : { cache_type: 'Writeback' }),
    })),
    'machine-config': { vcpu_count: cpus, mem_size_mib: memoryMib, smt: false },
    'network-interfaces': [
      { iface_id: 'eth0', guest_mac: USER_NETWORK.mac, host_dev_name: user },
      ...(own === undefined ? [] : [{ iface_id: 'eth1', guest_mac: own, host_dev_name: link }]),
    ],
    entropy: {},
    balloon: { amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 0 },
  };
}
