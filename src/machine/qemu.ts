import { USER_NETWORK, type World } from '../spec/network.ts';
import type { ServicePort } from '../spec/service.ts';
import type { Arch } from '../spec/vm-spec.ts';

export type AcceleratorName = 'kvm' | 'tcg';

export interface PlannedDisk {
  /** What the guest finds it by; at most 20 characters. */
  readonly serial: string;
  readonly path: string;
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
  /** With the world `internet`: the unix sockets that QEMU listens on for the gate. */
  readonly gate: { readonly guestSocket: string; readonly worldSocket: string };
  /**
   * The link to other machines: the unix socket that QEMU listens on, the TAP that it opens, or the macvtap whose device file it is given open, as descriptor 3;
   * and the MAC of the guest's end.
   */
  readonly link:
    | (({ readonly socket: string } | { readonly tap: string } | { readonly macvtap: string }) & {
        readonly mac: string;
      })
    | undefined;
  readonly consoleSocket: string;
  readonly consoleLog: string;
  readonly qmpSocket: string;
  /** Whether this QEMU was built with seccomp. */
  readonly hasSandbox: boolean;
}

/** The program for an architecture. */
export function qemuBinary(arch: Arch): string {
  return arch === 'arm64' ? 'qemu-system-aarch64' : 'qemu-system-x86_64';
}

/** What libvirt uses too: no privileges, no new processes, no change of priority. */
export const SANDBOX = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';

/**
 * The whole command (qemu(1)). Nothing in it is a secret. The network is QEMU's own user-mode stack: spec/network.ts has its addresses,
 * and the host's TCP ports are open on 127.0.0.1 only.
 */
export function qemuArgv(plan: MachinePlan): string[] {
  return [
    qemuBinary(plan.arch),
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-name', `${quote(plan.name)},process=vmkit-${quote(plan.name)}`],
    ...machineType(plan),
    ...['-smp', String(plan.cpus), '-m', `${plan.memoryMib}M`],
    ...['-kernel', plan.kernel, '-initrd', plan.initramfs, '-append', plan.commandLine],
    ...plan.disks.flatMap(disk),
    ...network(plan),
    ...link(plan.link),
    ...['-object', 'rng-builtin,id=rng0', '-device', 'virtio-rng-pci,rng=rng0'],
    // The log holds all that the guest prints, whether somebody is attached to the socket or not.
    '-chardev',
    `socket,id=console,path=${quote(plan.consoleSocket)},server=on,wait=off,logfile=${quote(plan.consoleLog)},logappend=off`,
    ...['-serial', 'chardev:console'],
    ...['-qmp', `unix:${quote(plan.qmpSocket)},server=on,wait=off`],
    ...(plan.hasSandbox ? ['-sandbox', SANDBOX] : []),
  ];
}

function machineType({ arch, accelerator }: MachinePlan): string[] {
  const isKvm = accelerator === 'kvm';
  // gic-version=host: KVM offers only what the board has; GICv3 is what software emulation has everywhere.
  const type = arch === 'arm64' ? `virt,gic-version=${isKvm ? 'host' : '3'}` : 'q35';
  const emulated = arch === 'arm64' ? 'cortex-a72' : 'max';
  return [...['-machine', type, '-accel', isKvm ? 'kvm' : 'tcg,thread=multi'], ...['-cpu', isKvm ? 'host' : emulated]];
}

/**
 * cache.direct=off with flushes passed on (the default, cache.no-flush=off): the guest's fsync is an fsync here. discard=unmap: what the
 * guest trims (fstrim, mount -o discard) becomes a hole in the sparse file.
 */
function disk({ serial, path, isReadOnly }: PlannedDisk): string[] {
  const mode = isReadOnly ? 'read-only=on' : 'read-only=off,discard=unmap';
  return [
    '-blockdev',
    `driver=raw,node-name=${serial},${mode},file.driver=file,file.filename=${quote(path)},file.aio=threads`,
    '-device',
    `virtio-blk-pci,drive=${serial},serial=${serial}`,
  ];
}

/** romfile= : no network boot ROM, which costs time at power-on and is a package of its own. */
function network(plan: MachinePlan): string[] {
  const card = ['-device', `virtio-net-pci,netdev=net0,mac=${USER_NETWORK.mac},romfile=`];
  if (plan.world !== 'internet') return ['-netdev', userNetwork('net0', plan), ...card];
  // The card and the user network each end at a socket, and the gate is between them; a hub is how QEMU joins a user network and a socket.
  return [
    ...['-netdev', socketNetwork('net0', plan.gate.guestSocket), ...card],
    ...['-netdev', userNetwork('world', plan), '-netdev', socketNetwork('gate', plan.gate.worldSocket)],
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
function link(plan: MachinePlan['link']): string[] {
  if (plan === undefined) return [];
  return [...['-netdev', linkBackend(plan)], ...['-device', `virtio-net-pci,netdev=net1,mac=${plan.mac},romfile=`]];
}

function linkBackend(link: NonNullable<MachinePlan['link']>): string {
  if ('macvtap' in link) return 'tap,id=net1,fd=3';
  if ('tap' in link) return `tap,id=net1,ifname=${quote(link.tap)},script=no,downscript=no`;
  return socketNetwork('net1', link.socket);
}

/** QEMU's option lists end a value at a comma; two commas are one. */
function quote(value: string): string {
  return value.replaceAll(',', ',,');
}
