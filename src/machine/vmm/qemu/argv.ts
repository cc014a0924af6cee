import type { Arch } from '../../../core/arch.ts';
import { SOCKETS } from '../../../core/paths.ts';
import { EVENT_PORT } from '../../../spec/guest-event.ts';
import { USER_NETWORK, type World } from '../../../spec/network.ts';
import type { ServicePort } from '../../../spec/service.ts';
import type { Logs } from '../launch/recorder.ts';

export type AcceleratorName = 'kvm' | 'tcg';

export interface PlannedDisk {
  /** What the guest finds it by; at most 20 characters. */
  readonly serial: string;
  /** Undefined: what comes on standard input at the start, in memory and in no file. */
  readonly path: string | undefined;
  readonly isReadOnly: boolean;
}

export interface PortForward {
  /** udp: open on every address of the host; everything else is TCP on 127.0.0.1. */
  readonly protocol: ServicePort['protocol'];
  readonly hostPort: number;
  readonly guestPort: number;
}

/** All that QEMU is told. Paths are absolute. */
export interface MachinePlan {
  readonly name: string;
  readonly arch: Arch;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly accelerator: AcceleratorName;
  readonly kernel: string;
  readonly initramfs: string;
  readonly commandLine: string;
  readonly disks: readonly PlannedDisk[];
  readonly forwards: readonly PortForward[];
  /** What the guest may dial through the user network. */
  readonly world: World;
  /**
   * The link to other machines: the name of the unix socket that QEMU listens on, the TAP that it opens, or the device file of a macvtap, which it is given open;
   * and the MAC of the guest's end.
   */
  readonly link:
    | (({ readonly socket: string } | { readonly tap: string } | { readonly device: string }) & {
        readonly mac: string;
      })
    | undefined;
  readonly logs: Logs;
  /** Whether this QEMU was built with seccomp. */
  readonly hasSandbox: boolean;
}

/** A file that QEMU is given open, so that it need not be able to walk into the folders above. */
export interface OpenFile {
  /** Of the descriptor, and of its set (qemu(1), -add-fd). */
  readonly fd: number;
  readonly role: string;
  /** Undefined: the memory that standard input goes to. */
  readonly path: string | undefined;
  /** What QEMU asks for: a descriptor of another mode is refused. `record`: a pipe, whose recorder writes the file (recorder.ts). */
  readonly access: 'read' | 'write' | 'record';
}

/** The files of a machine, numbered from 3 on. */
export function openFiles({ kernel, initramfs, disks, logs, link }: MachinePlan): OpenFile[] {
  const files: Omit<OpenFile, 'fd'>[] = [
    { role: 'kernel', path: kernel, access: 'read' },
    { role: 'initramfs', path: initramfs, access: 'read' },
    ...disks.map(({ serial, path, isReadOnly }) => ({
      role: serial,
      path,
      access: isReadOnly ? ('read' as const) : ('write' as const),
    })),
    { role: 'console', path: logs.console, access: 'record' },
    { role: 'events', path: logs.events, access: 'record' },
    ...(link !== undefined && 'device' in link ? [{ role: 'link', path: link.device, access: 'write' as const }] : []),
  ];
  return files.map((file, at) => ({ ...file, fd: at + 3 }));
}

/** The program for an architecture. */
export function qemuBinary(arch: Arch): string {
  return arch === 'arm64' ? 'qemu-system-aarch64' : 'qemu-system-x86_64';
}

/** What libvirt uses too: no privileges, no new processes, no change of priority. */
export const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

/**
 * The whole command (qemu(1)), for a process that has `openFiles` open and its own folder as the current one. Nothing in it is a secret. The network is QEMU's own user-mode stack: spec/network.ts has its addresses,
 * and the host's TCP ports are open on 127.0.0.1 only.
 */
export function qemuArgv(plan: MachinePlan): string[] {
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
    ...link(plan.link, fd('link')),
    ...['-object', 'rng-builtin,id=rng0', '-device', 'virtio-rng-pci,rng=rng0'],
    // What is recorded is all that the guest prints, whether somebody is attached to the socket or not.
    ...addFd(fd('console')),
    ...['-chardev', `socket,id=console,path=${SOCKETS.console},server=on,wait=off${logTo(fd('console'))}`],
    ...['-serial', 'chardev:console'],
    ...eventPort(fd('events')),
    ...['-qmp', `unix:${SOCKETS.qmp},server=on,wait=off`],
    ...(plan.hasSandbox ? ['-sandbox', SANDBOX] : []),
  ];
}

/** tb-size, in MiB: translated code took up to 1 GiB of the host, the default; with 128 a boot takes as long. */
const TCG = 'tcg,thread=multi,tb-size=128';

function machineType({ arch, accelerator }: MachinePlan): string[] {
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
function disk({ serial, isReadOnly }: PlannedDisk, fd: number): string[] {
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
function network(plan: MachinePlan): string[] {
  const card = ['-device', `virtio-net-pci,netdev=net0,mac=${USER_NETWORK.mac},romfile=`];
  if (plan.world !== 'internet') return ['-netdev', userNetwork('net0', plan), ...card];
  // The card and the user network each end at a socket, and the gate is between them; a hub is how QEMU joins a user network and a socket.
  return [
    ...['-netdev', socketNetwork('net0', SOCKETS.gateGuest), ...card],
    ...['-netdev', userNetwork('world', plan), '-netdev', socketNetwork('gate', SOCKETS.gateWorld)],
    ...['-netdev', 'hubport,id=hub0,hubid=0,netdev=world', '-netdev', 'hubport,id=hub1,hubid=0,netdev=gate'],
  ];
}

function userNetwork(id: string, { forwards, world }: MachinePlan): string {
  // QEMU takes ipv6=on alone for IPv6 only (net/slirp.c).
  const families = world === 'none' ? 'restrict=on,ipv6=off' : 'ipv4=on,ipv6=on';
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

/** Frames over a unix socket, or through a TAP or macvtap that is there already, owned by this user: QEMU runs no script. */
function link(plan: MachinePlan['link'], fd: number): string[] {
  if (plan === undefined) return [];
  return [...['-netdev', linkBackend(plan, fd)], ...['-device', `virtio-net-pci,netdev=net1,mac=${plan.mac},romfile=`]];
}

function linkBackend(link: NonNullable<MachinePlan['link']>, fd: number): string {
  if ('device' in link) return `tap,id=net1,fd=${fd}`;
  if ('tap' in link) return `tap,id=net1,ifname=${quote(link.tap)},script=no,downscript=no`;
  return socketNetwork('net1', link.socket);
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
