import type { Arch } from '../../core/arch.ts';

/** A symbol that a purpose needs. */
export interface Requirement {
  /** Any one of these will do, as y or m; the first is the one to ask for. */
  readonly anyOf: readonly string[];
  readonly reason: string;
  /** Needed on this architecture only. */
  readonly arch?: Arch;
  /** Needed only where the kernel has this symbol's option, or names it as off; older and newer kernels lack it. */
  readonly onlyIfKnown?: true;
}

export interface KernelPurpose {
  readonly title: string;
  /** Where the requirements were read. */
  readonly source: string;
  readonly requirements: readonly Requirement[];
  /** Asks beside that no option of the kernel is one that does nothing alone. */
  readonly everyOption?: true;
}

const need = (symbol: string | readonly string[], reason: string): Requirement => ({
  anyOf: typeof symbol === 'string' ? [symbol] : symbol,
  reason,
});
const onArm64 = (symbol: string | readonly string[], reason: string): Requirement => ({
  ...need(symbol, reason),
  arch: 'arm64',
});
const ifKnown = (symbol: string, reason: string): Requirement => ({ ...need(symbol, reason), onlyIfKnown: true });

/** What tailscaled does outside of the firewall (tailscale: wgengine/router/osrouter, net/tstun). */
const TAILSCALE: readonly Requirement[] = [
  need('TUN', '/dev/net/tun: tailscaled writes its packets there; without it only userspace networking works'),
  need('INET', 'IPv4'),
  need('IP_ADVANCED_ROUTER', 'IP_MULTIPLE_TABLES depends on it'),
  need('IP_MULTIPLE_TABLES', 'ip rules 5210 to 5270 and table 52; else "running without policy routing"'),
  need('IPV6', 'every node has an IPv6 address too'),
  need('IPV6_MULTIPLE_TABLES', 'the same rules for IPv6; without them Tailscale switches IPv6 off'),
  need('NETFILTER', 'firewall and address translation'),
  need('NF_CONNTRACK', 'answers to connections are let through, and translated back'),
];

/** Which kernels can do what. `check-kernel` judges by these. */
export const KERNEL_PURPOSES = {
  machine: {
    title: 'A machine of vmkit',
    source: 'vmkit: src/init/stage1/stage1.ts, src/machine/vmm/qemu/argv.ts',
    requirements: [
      need('BLK_DEV_INITRD', 'stage 1 is in the initramfs'),
      need('DEVTMPFS', 'devices appear in /dev'),
      need('PROC_FS', '/proc'),
      need('SYSFS', 'disks, network cards and ports are found in /sys'),
      need('PCI', 'every device is on PCI'),
      need('VIRTIO_PCI', 'virtio on PCI'),
      need('VIRTIO_BLK', 'disks'),
      need('VIRTIO_NET', 'network'),
      need('VIRTIO_CONSOLE', 'the port on which the guest says how it fares: without it no boot is ever over'),
      need('SQUASHFS', 'the root image'),
      need('SQUASHFS_LZ4', 'the root image is packed by it'),
      need('OVERLAY_FS', 'what is written over the root image stays in memory'),
      need('TMPFS', 'that memory'),
      need('EXT4_FS', 'the data disk'),
      need('UNIX98_PTYS', 'logins with a terminal'),
    ],
  },
  'tailscale-nftables': {
    title: 'Tailscale, firewall by nftables',
    source: 'tailscale: util/linuxfw/nftables_runner.go',
    requirements: [
      ...TAILSCALE,
      need('NF_TABLES', 'nftables itself'),
      need('NF_TABLES_IPV4', 'tables of the family ip'),
      need('NF_TABLES_IPV6', 'tables of the family ip6'),
      need('NFT_CT', 'matches the state and the mark of a connection'),
      need('NF_CONNTRACK_MARK', 'a connection keeps the mark of its first packet; subnet routers and exit nodes'),
      need('NFT_NAT', 'chains of type nat, and DNAT for a subnet router'),
      need('NFT_MASQ', 'a subnet router hides its clients behind its own address'),
    ],
  },
  'tailscale-iptables': {
    title: 'Tailscale, firewall by iptables (taken whenever that program exists)',
    source: 'tailscale: util/linuxfw/iptables_runner.go',
    requirements: [
      ...TAILSCALE,
      need('NETFILTER_XTABLES', 'matches and targets of iptables'),
      need('IP_NF_IPTABLES', 'iptables-legacy, IPv4'),
      ifKnown('NETFILTER_XTABLES_LEGACY', 'from linux 6.17 on the legacy tables need it'),
      need('IP_NF_FILTER', 'table filter: ts-input and ts-forward'),
      need('IP_NF_NAT', 'table nat: ts-postrouting'),
      need('IP_NF_MANGLE', 'table mangle: restores marks, clamps TCP segments'),
      need('IP6_NF_IPTABLES', 'ip6tables-legacy'),
      need('IP6_NF_FILTER', 'table filter, IPv6'),
      need('IP6_NF_NAT', 'table nat, IPv6'),
      need('IP6_NF_MANGLE', 'table mangle, IPv6'),
      need('NETFILTER_XT_MARK', '-m mark and -j MARK: packets that came in by tailscale0'),
      need('NETFILTER_XT_CONNMARK', '-j CONNMARK: marks are saved with connections and restored'),
      need('NETFILTER_XT_MATCH_CONNTRACK', '-m conntrack: stateful filtering'),
      need(['NETFILTER_XT_TARGET_MASQUERADE', 'IP_NF_TARGET_MASQUERADE'], '-j MASQUERADE: subnet routers, exit nodes'),
      need('NF_TABLES', 'iptables-nft, the iptables of Debian, speaks to nf_tables'),
      need('NF_TABLES_IPV4', 'its tables are of the family ip'),
      need('NF_TABLES_IPV6', "ip6tables-nft's are of the family ip6"),
      need('NFT_COMPAT', 'iptables-nft uses the matches and targets above through it'),
    ],
  },
  wireguard: {
    title: 'WireGuard in the kernel',
    source: 'linux: drivers/net/Kconfig (WIREGUARD)',
    requirements: [
      need('WIREGUARD', 'the tunnel itself; it selects the cryptography it needs'),
      need('INET', 'it speaks UDP'),
      need('IPV6', 'peers and routes of IPv6'),
      need('IP_ADVANCED_ROUTER', 'IP_MULTIPLE_TABLES depends on it'),
      need('IP_MULTIPLE_TABLES', 'wg-quick(8) routes by mark, so that the tunnel does not swallow its own packets'),
      need('IPV6_MULTIPLE_TABLES', 'the same for IPv6'),
    ],
  },
  nebula: {
    title: 'Nebula',
    source: 'nebula: overlay/tun_linux.go',
    requirements: [
      need('TUN', '/dev/net/tun: nebula writes its packets there'),
      need('INET', 'it speaks UDP, and routes IPv4 in its overlay'),
    ],
  },
  postgres: {
    title: 'PostgreSQL, and services in Go',
    source: 'PostgreSQL: "Managing Kernel Resources"; Go: runtime/netpoll_epoll.go, os_linux.go',
    requirements: [
      need('SYSVIPC', 'a System V segment guards the data folder against a second server'),
      need('SHMEM', 'POSIX shared memory for parallel queries'),
      need('TMPFS', '/dev/shm, where that memory is'),
      need('UNIX', 'local connections without a password (peer)'),
      need('INET', 'connections over TCP'),
      need('FUTEX', 'locks of every thread'),
      need('EPOLL', 'latches of PostgreSQL, network of Go'),
      need('EVENTFD', 'Go wakes its poller with it'),
      need('SIGNALFD', 'latches of PostgreSQL'),
      need('TIMERFD', 'timers of s6 and libuv'),
      need('POSIX_TIMERS', 'timeouts'),
      need('AIO', 'asynchronous reads of libaio programs'),
      need('ADVISE_SYSCALLS', 'fadvise and madvise: PostgreSQL reads ahead, Go returns memory'),
      need('FILE_LOCKING', 'locks on files: git, s6, tailscaled'),
      need('INOTIFY_USER', 'programs that watch their files'),
      need('MULTIUSER', 'the server refuses to run as root'),
      need('PROC_FS', '/proc'),
      need('SYSFS', '/sys'),
      need('EXT4_FS', 'the data disk'),
    ],
  },
  'memory-limits': {
    title: 'A limit of memory for each service',
    source: 'linux: Documentation/admin-guide/cgroup-v2.rst',
    requirements: [
      need('CGROUPS', 'each service is in a group of its own'),
      need('MEMCG', 'memory.max; a service that needs more is killed, and no other one'),
    ],
  },
  avf: {
    title: "Guest of crosvm and of Android's virtualization framework",
    source: 'crosvm: aarch64/src/fdt.rs, x86_64/src/lib.rs; AVF: vm run, hvc0',
    requirements: [
      need('PCI', 'every device is on PCI'),
      need('VIRTIO_PCI', 'virtio on PCI'),
      need('VIRTIO_BLK', 'disks'),
      need('VIRTIO_NET', 'network'),
      need('VIRTIO_CONSOLE', 'hvc0, the console of `vm run`'),
      need('VIRTIO_VSOCKETS', 'AVF speaks to its guests by vsock'),
      need('HW_RANDOM_VIRTIO', 'random numbers from the host'),
      need('BLK_DEV_INITRD', 'the initramfs'),
      need('DEVTMPFS', 'devices appear in /dev'),
      need('SERIAL_8250', "crosvm's serial port is a 16550"),
      need('SERIAL_8250_CONSOLE', 'the kernel speaks there'),
      onArm64('SERIAL_OF_PLATFORM', 'finds that port in the device tree'),
      onArm64('PCI_HOST_GENERIC', 'pci-host-cam-generic, the bridge that the device tree names'),
      onArm64('ARM_PSCI_FW', 'starts processors, powers off'),
      onArm64('ARM_GIC_V3', 'interrupts'),
      onArm64('ARM_AMBA', 'the bus that the clock is on'),
      onArm64('RTC_CLASS', 'the clock'),
      onArm64('RTC_DRV_PL030', "crosvm's clock; without it the guest boots in 1970"),
    ],
  },
  containers: {
    title: 'Containers: podman, docker, a Forgejo runner',
    source: 'docker: contrib/check-config.sh; crun: src/libcrun/linux.c, cgroup*.c; netavark: src/firewall/nft.rs',
    requirements: [
      need('NAMESPACES', 'a world of its own for each container'),
      need('UTS_NS', 'a name of its own'),
      need('IPC_NS', 'shared memory of its own'),
      need('PID_NS', 'processes of its own'),
      need('NET_NS', 'a network of its own'),
      need('USER_NS', 'users of its own: --userns, and containers that root did not start'),
      need('OVERLAY_FS', 'layers of an image'),
      need('POSIX_MQUEUE', '/dev/mqueue is mounted in each container'),
      need('KEYS', 'a session keyring of its own'),
      need('SECCOMP_FILTER', 'system calls that a container may not make'),
      need('CGROUPS', 'limits'),
      need('MEMCG', '--memory'),
      need('CGROUP_PIDS', '--pids-limit, which podman sets for each container'),
      need('CPUSETS', '--cpuset-cpus'),
      need('FAIR_GROUP_SCHED', '--cpu-shares'),
      need('CFS_BANDWIDTH', '--cpus'),
      need('BLK_CGROUP', '--device-read-bps'),
      need('BPF_SYSCALL', 'CGROUP_BPF depends on it'),
      need('CGROUP_BPF', 'which devices a container may open; in cgroup v2 that is a BPF program'),
      need('VETH', "the container's card, and its other end"),
      need('BRIDGE', 'a network of containers'),
      need('BRIDGE_NETFILTER', 'rules for what passes between containers of one bridge'),
      need('NF_TABLES_INET', 'netavark (podman) keeps its rules in a table of the family inet'),
      need('NFT_CT', 'answers are let through'),
      need('NFT_NAT', 'published ports'),
      need('NFT_MASQ', 'containers dial out'),
      need('NFT_FIB_INET', 'a published port is for the addresses of this machine'),
      need('NETFILTER_XTABLES', 'docker speaks iptables'),
      need(['IP_NF_NAT', 'NFT_COMPAT'], 'table nat, of iptables-legacy or iptables-nft'),
      need('NETFILTER_XT_MATCH_ADDRTYPE', '-m addrtype: published ports of docker'),
      need('NETFILTER_XT_MATCH_CONNTRACK', '-m conntrack: answers are let through'),
      need(['NETFILTER_XT_TARGET_MASQUERADE', 'IP_NF_TARGET_MASQUERADE'], '-j MASQUERADE: containers dial out'),
    ],
  },
  working: {
    title: 'Every option does what it promises',
    source: 'linux 6.12: the files that are named',
    requirements: [],
    everyOption: true,
  },
} as const satisfies Readonly<Record<string, KernelPurpose>>;
