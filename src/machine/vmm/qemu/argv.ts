import type { Arch } from '../../../core/arch.ts';
import { SOCKETS } from '../../../core/paths.ts';
import { EVENT_PORT } from '../../../spec/guest-event.ts';
import type { Card } from '../../../spec/networks/network.ts';
import { networkOf, worldOf } from '../../../spec/networks/networks.ts';
import { USER_NETWORK } from '../../../spec/networks/user-network.ts';
import type { DescribedDisk } from '../../description.ts';
import type { PlacedMachine } from '../../placing.ts';
import { machineFiles, type OpenFile } from '../launch/open-file.ts';
import type { VmmCommand } from '../vmm.ts';

/** What QEMU is started as. */
export function qemuCommand(machine: PlacedMachine): VmmCommand {
  return { argv: qemuArgv(machine), files: openFiles(machine) };
}

/** The files of a machine, which QEMU has as sets of descriptors, too (qemu(1), -add-fd). */
export function openFiles(machine: PlacedMachine): OpenFile[] {
  const { device } = machine;
  return machineFiles(machine, device === undefined ? [] : [{ role: 'link', path: device, access: 'write' }]);
}

/** The program for an architecture. */
export function qemuBinary(arch: Arch): string {
  return arch === 'arm64' ? 'qemu-system-aarch64' : 'qemu-system-x86_64';
}

/** no_timer_check: on a busy host an emulated processor may miss the kernel's timer test by starvation, which ends in a panic (linux: arch/x86/kernel/apic/io_apic.c; under KVM the kernel skips it by itself). */
export function kernelParameters(arch: Arch): string {
  return arch === 'arm64' ? 'console=ttyAMA0' : 'console=ttyS0 no_timer_check';
}

/** What libvirt uses too: no privileges, no new processes, no change of priority. */
export const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

/**
 * The whole command (qemu(1)), for a process that has `openFiles` open and its own folder as the current one. Nothing in it is a secret. The network is QEMU's own user-mode stack, whose
 * usual addresses are those of USER_NETWORK, and the host's TCP ports are open on 127.0.0.1 only.
 */
export function qemuArgv(plan: PlacedMachine): string[] {
  const files = new Map(openFiles(plan).map(({ role, fd }) => [role, fd]));
  const fd = (role: string): number => files.get(role) ?? -1;
  return [
    qemuBinary(plan.arch),
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-name', `${quote(plan.name)},process=vmkit-${quote(plan.name)}`],
    ...machineType(plan),
    ...['-smp', String(plan.cpus), '-m', `${plan.memoryMib}M`],
    // Opened again by QEMU, which asks who may read the file itself, not the folders above.
    ...['-kernel', `/proc/self/fd/${fd('kernel')}`, '-initrd', `/proc/self/fd/${fd('initramfs')}`],
    ...['-append', plan.commandLine],
    ...plan.disks.flatMap((each) => disk(each, fd(each.serial))),
    ...network(plan),
    ...link(plan, fd('link')),
    ...['-object', 'rng-builtin,id=rng0', '-device', 'virtio-rng-pci,rng=rng0'],
    // Pages that the guest frees are the host's again.
    ...['-device', 'virtio-balloon-pci,free-page-reporting=on'],
    // What is recorded is all that the guest prints, whether somebody is attached to the socket or not.
    ...addFd(fd('console')),
    ...['-chardev', `socket,id=console,path=${SOCKETS.console},server=on,wait=off${logTo(fd('console'))}`],
    ...['-serial', 'chardev:console'],
    ...eventPort(fd('events')),
    ...['-qmp', `unix:${SOCKETS.control},server=on,wait=off`],
    ...(plan.facts.hasSandbox ? ['-sandbox', SANDBOX] : []),
  ];
}

/** tb-size, in MiB: translated code took up to 1 GiB of the host, the default; with 128 a boot takes as long. */
const TCG = 'tcg,thread=multi,tb-size=128';

function machineType({ arch, accelerator }: PlacedMachine): string[] {
  const isKvm = accelerator === 'kvm';
  // gic-version=host: KVM offers only what the board has; GICv3 is what software emulation has everywhere.
  const type = arch === 'arm64' ? `virt,gic-version=${isKvm ? 'host' : '3'}` : 'q35';
  const emulated = arch === 'arm64' ? 'cortex-a72' : 'max';
  return [
    ...['-machine', type, '-accel', isKvm ? 'kvm' : TCG],
    ...['-cpu', isKvm ? 'host' : emulated],
    // The hardware's clock goes on while this process is stopped; the guest's watch sets its own by it.
    ...['-rtc', 'base=utc,clock=host'],
  ];
}

/**
 * cache.direct=off with flushes passed on (the default, cache.no-flush=off): the guest's fsync is an fsync here. discard=unmap: what the
 * guest trims (fstrim, mount -o discard) becomes a hole in the sparse file.
 */
function disk({ serial, isReadOnly }: DescribedDisk, fd: number): string[] {
  const mode = isReadOnly ? 'read-only=on' : 'read-only=off,discard=unmap';
  return [
    ...addFd(fd),
    '-blockdev',
    `driver=raw,node-name=${serial},${mode},file.driver=file,file.filename=/dev/fdset/${fd},file.aio=threads`,
    '-device',
    `virtio-blk-pci,drive=${serial},serial=${serial}`,
  ];
}

function addFd(fd: number): string[] {
  return ['-add-fd', `fd=${fd},set=${fd}`];
}

/** romfile= : no network boot ROM, which costs time at power-on and is a package of its own. */
function network(plan: PlacedMachine): string[] {
  const card = ['-device', `virtio-net-pci,netdev=net0,mac=${USER_NETWORK.mac},romfile=`];
  if (worldOf(plan.network).world !== 'internet') return ['-netdev', userNetwork('net0', plan), ...card];
  // The card and the user network each end at a socket, and the gate is between them; a hub is how QEMU joins a user network and a socket.
  return [
    ...['-netdev', socketNetwork('net0', SOCKETS.gateGuest), ...card],
    ...['-netdev', userNetwork('world', plan), '-netdev', socketNetwork('gate', SOCKETS.gateWorld)],
    ...['-netdev', 'hubport,id=hub0,hubid=0,netdev=world', '-netdev', 'hubport,id=hub1,hubid=0,netdev=gate'],
  ];
}

function userNetwork(id: string, { forwards, network }: PlacedMachine): string {
  // QEMU takes ipv6=on alone for IPv6 only (net/slirp.c).
  const families = worldOf(network).world === 'none' ? 'restrict=on,ipv6=off' : 'ipv4=on,ipv6=on';
  const open = forwards.map(({ protocol, hostPort, guestPort }) => {
    const from = protocol === 'udp' ? 'udp:0.0.0.0' : 'tcp:127.0.0.1';
    return `,hostfwd=${from}:${hostPort}-${USER_NETWORK.address}:${guestPort}`;
  });
  return `user,id=${id},${families}${open.join('')}`;
}

/** Frames over a unix socket (qemu(1), `-netdev stream`, since 7.2): QEMU listens, so who dials may come, go and come back. */
function socketNetwork(id: string, path: string): string {
  return `stream,id=${id},server=on,addr.type=unix,addr.path=${quote(path)}`;
}

/** The second card. */
function link({ name, network }: PlacedMachine, fd: number): string[] {
  const { card } = networkOf(network);
  if (card === undefined) return [];
  return [
    ...['-netdev', linkBackend(card, name, fd)],
    ...['-device', `virtio-net-pci,netdev=net1,mac=${card.mac},romfile=`],
  ];
}

/** Frames over a unix socket, or through a TAP or macvtap that is there already, owned by this user: QEMU runs no script. */
function linkBackend({ end }: Card, name: string, fd: number): string {
  switch (end) {
    case 'stream':
      return socketNetwork('net1', SOCKETS.link);
    case 'tap':
      return `tap,id=net1,ifname=${quote(name)},script=no,downscript=no`;
    case 'macvtap':
      return `tap,id=net1,fd=${fd}`;
  }
}

/** The port of its own on which the guest says its events. They go to the log alone: a write to it that fails holds up nobody, as one to the port's own file would. */
function eventPort(fd: number): string[] {
  return [
    ...addFd(fd),
    ...['-chardev', `file,id=events,path=/dev/null${logTo(fd)}`],
    ...['-device', 'virtio-serial-pci', '-device', `virtserialport,chardev=events,name=${EVENT_PORT.name}`],
  ];
}

/** A log on a descriptor that QEMU is given open (qemu(1), -add-fd). */
function logTo(descriptor: number): string {
  return `,logfile=/dev/fdset/${descriptor},logappend=on`;
}

/** QEMU's option lists end a value at a comma; two commas are one. */
function quote(value: string): string {
  return value.replaceAll(',', ',,');
}
