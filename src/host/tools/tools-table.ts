/** What a tool is needed for. A command asks for its groups only. */
export const TOOL_GROUPS = {
  kernel: 'build a kernel',
  'kernel-x86_64': 'compile for x86_64',
  'kernel-arm64': 'compile for arm64',
  modules: 'prepare a kernel with modules',
  debian: 'fetch Debian packages, signatures verified',
  image: 'make root file systems and disks',
  'machine-x86_64': 'run x86_64 machines',
  'machine-arm64': 'run arm64 machines',
  network: 'connect machines over a bridge',
  backup: 'back up machines',
  archive: 'back up machines to one file',
  import: 'import the dump of another Forgejo',
  phone: 'reach Android phones',
  tests: 'run all tests',
} as const;

export type ToolGroup = keyof typeof TOOL_GROUPS;
export type PackageManager = 'apt' | 'dnf' | 'pacman' | 'apk';

/** How a tool is found: a program on PATH (any of these), a C header, a file (any of these), or a fact of this user's account. */
export type Finding =
  | { readonly programs: readonly string[] }
  | { readonly header: string }
  | { readonly files: readonly string[] }
  | { readonly account: 'subuid' | 'subgid' | 'user-namespaces' };

export interface Tool {
  readonly name: string;
  readonly groups: readonly ToolGroup[];
  readonly found: Finding;
  /** The package by manager; a manager that is absent has none. */
  readonly packages: Readonly<Partial<Record<PackageManager, string>>>;
  /** Needed only where this holds. */
  readonly onlyWhen?: 'not-root' | 'not-x86_64' | 'not-aarch64';
  /** What to do where there is no package. `USER` stands for the user's name. */
  readonly byHand?: string;
}

const everywhere = (name: string): Tool['packages'] => ({ apt: name, dnf: name, pacman: name, apk: name });
const program = (name: string, groups: readonly ToolGroup[], packages: Tool['packages'] = everywhere(name)): Tool => ({
  name,
  groups,
  found: { programs: [name] },
  packages,
});

/**
 * All that vmkit runs on a host. Recommended packages are not installed, so what a tool only recommends but vmkit needs has a line
 * of its own (gcc recommends the C library's headers). Names that nobody could try are listed in docs/hosts/linux.md.
 */
export const TOOLS: readonly Tool[] = [
  program('flock', ['kernel', 'debian', 'image', 'machine-x86_64', 'machine-arm64'], everywhere('util-linux')),
  program('setpriv', ['machine-x86_64', 'machine-arm64'], { ...everywhere('util-linux'), apk: 'setpriv' }),
  program('bash', ['machine-x86_64', 'machine-arm64', 'network', 'backup']),
  program('setsid', ['machine-x86_64', 'machine-arm64'], everywhere('util-linux')),
  program('truncate', ['machine-x86_64', 'machine-arm64'], everywhere('coreutils')),

  // Documentation/process/changes.rst of linux 6.12, and what its makefiles call beside.
  program('gcc', ['kernel']),
  program('make', ['kernel']),
  program('flex', ['kernel']),
  program('bison', ['kernel']),
  program('bc', ['kernel']),
  program('perl', ['kernel']),
  program('awk', ['kernel', 'machine-x86_64', 'machine-arm64'], everywhere('gawk')),
  program('find', ['kernel', 'modules'], everywhere('findutils')),
  program('xargs', ['modules'], everywhere('findutils')),
  program('cmp', ['kernel'], everywhere('diffutils')),
  program('gzip', ['kernel']),
  program('tar', ['kernel', 'image', 'archive']),
  program('xz', ['kernel', 'modules'], { ...everywhere('xz'), apt: 'xz-utils' }),
  // Debian's kernel is packed by zstd, its modules by xz; other distributions pack modules by zstd.
  program('zstd', ['modules', 'archive']),
  program('depmod', ['modules'], everywhere('kmod')),
  {
    name: 'headers of the C library',
    groups: ['kernel'],
    found: { header: 'stdio.h' },
    packages: { apt: 'libc6-dev', dnf: 'glibc-devel', pacman: 'glibc', apk: 'musl-dev' },
  },
  {
    name: 'headers of libelf',
    groups: ['kernel'],
    found: { header: 'gelf.h' },
    packages: { apt: 'libelf-dev', dnf: 'elfutils-libelf-devel', pacman: 'libelf', apk: 'elfutils-dev' },
  },
  {
    ...program('aarch64-linux-gnu-gcc', ['kernel-arm64'], {
      apt: 'gcc-aarch64-linux-gnu',
      dnf: 'gcc-aarch64-linux-gnu',
      pacman: 'aarch64-linux-gnu-gcc',
    }),
    onlyWhen: 'not-aarch64',
    byHand: 'This distribution has no cross compiler for arm64 Linux; build arm64 kernels elsewhere.',
  },
  {
    ...program('x86_64-linux-gnu-gcc', ['kernel-x86_64'], {
      apt: 'gcc-x86-64-linux-gnu',
      dnf: 'gcc-x86_64-linux-gnu',
    }),
    onlyWhen: 'not-x86_64',
    byHand: 'This distribution has no cross compiler for x86_64 Linux; build x86_64 kernels elsewhere.',
  },

  {
    ...program('mmdebstrap', ['debian'], { apt: 'mmdebstrap', dnf: 'mmdebstrap' }),
    byHand: 'Install mmdebstrap: the AUR of Arch has it, and the testing repository of Alpine.',
  },
  program('apt-get', ['debian'], everywhere('apt')),
  {
    name: 'keys of Debian',
    groups: ['debian'],
    found: {
      files: ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'],
    },
    packages: { ...everywhere('debian-archive-keyring'), dnf: 'debian-keyring' },
  },
  {
    name: 'gpgv or sqv',
    groups: ['debian'],
    found: { programs: ['gpgv', 'sqv'] },
    packages: { apt: 'gpgv', dnf: 'gnupg2', pacman: 'gnupg', apk: 'gpgv' },
  },
  // mmdebstrap tells apt which keys to trust for a foreign suite only where gpg can list them.
  program('gpg', ['debian'], { apt: 'gpg', dnf: 'gnupg2', pacman: 'gnupg', apk: 'gnupg' }),
  program('mount', ['debian'], { ...everywhere('util-linux'), apt: 'mount', apk: 'mount' }),
  {
    ...program('newuidmap', ['debian'], {
      apt: 'uidmap',
      dnf: 'shadow-utils',
      pacman: 'shadow',
      apk: 'shadow-subids',
    }),
    onlyWhen: 'not-root',
  },
  {
    name: 'subordinate user ids',
    groups: ['debian'],
    found: { account: 'subuid' },
    packages: {},
    onlyWhen: 'not-root',
    byHand: 'sudo usermod --add-subuids 100000-165535 USER',
  },
  {
    name: 'subordinate group ids',
    groups: ['debian'],
    found: { account: 'subgid' },
    packages: {},
    onlyWhen: 'not-root',
    byHand: 'sudo usermod --add-subgids 100000-165535 USER',
  },
  {
    name: 'user namespaces without root',
    groups: ['debian'],
    found: { account: 'user-namespaces' },
    packages: {},
    onlyWhen: 'not-root',
    byHand: 'Allow them (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone), or run vmkit as root.',
  },

  program('mksquashfs', ['image'], everywhere('squashfs-tools')),
  { ...program('unshare', ['image'], everywhere('util-linux')), onlyWhen: 'not-root' },
  program('mke2fs', ['image', 'machine-x86_64', 'machine-arm64'], everywhere('e2fsprogs')),
  program('e2fsck', ['image', 'machine-x86_64', 'machine-arm64'], everywhere('e2fsprogs')),
  program('resize2fs', ['image', 'machine-x86_64', 'machine-arm64'], {
    ...everywhere('e2fsprogs'),
    apk: 'e2fsprogs-extra',
  }),

  program('qemu-system-x86_64', ['machine-x86_64'], {
    apt: 'qemu-system-x86',
    dnf: 'qemu-system-x86-core',
    pacman: 'qemu-system-x86',
    apk: 'qemu-system-x86_64',
  }),
  program('qemu-system-aarch64', ['machine-arm64'], {
    apt: 'qemu-system-arm',
    dnf: 'qemu-system-aarch64-core',
    pacman: 'qemu-system-aarch64',
    apk: 'qemu-system-aarch64',
  }),

  program('ip', ['network'], { ...everywhere('iproute2'), dnf: 'iproute' }),
  program('nft', ['network'], everywhere('nftables')),
  program('sysctl', ['network'], { apt: 'procps', dnf: 'procps-ng', pacman: 'procps-ng', apk: 'procps-ng' }),

  program('restic', ['backup']),
  program('bsdtar', ['import'], {
    apt: 'libarchive-tools',
    dnf: 'bsdtar',
    pacman: 'libarchive',
    apk: 'libarchive-tools',
  }),
  program('od', ['import'], everywhere('coreutils')),

  program('iptables', ['tests'], { ...everywhere('iptables'), dnf: 'iptables-nft' }),
  program('adb', ['phone'], {
    apt: 'adb',
    dnf: 'android-tools',
    pacman: 'android-tools',
    apk: 'android-tools',
  }),
  program('git', ['tests']),
  program('cpio', ['tests']),
  program('distccd', ['tests'], { ...everywhere('distcc'), dnf: 'distcc-server' }),
  // A test runs vmkit as a user without rights, by root, who himself needs no newuidmap.
  program('newgidmap', ['tests'], { apt: 'uidmap', dnf: 'shadow-utils', pacman: 'shadow', apk: 'shadow-subids' }),
  // A host behind ssh: a real server on loopback, one that has nothing but busybox, and what finds faults in the scripts.
  program('sshd', ['tests'], { ...everywhere('openssh-server'), pacman: 'openssh' }),
  program('busybox', ['tests'], { ...everywhere('busybox'), apt: 'busybox-static' }),
  program('shellcheck', ['tests'], { ...everywhere('shellcheck'), dnf: 'ShellCheck' }),
  // Exported machines under a libvirtd of a user's own, and a registry on loopback.
  program('libvirtd', ['tests'], {
    apt: 'libvirt-daemon',
    dnf: 'libvirt-daemon',
    pacman: 'libvirt',
    apk: 'libvirt-daemon',
  }),
  // What of libvirt drives QEMU.
  program('virt-qemu-run', ['tests'], {
    apt: 'libvirt-daemon-driver-qemu',
    dnf: 'libvirt-daemon-driver-qemu',
    pacman: 'libvirt',
    apk: 'libvirt-qemu',
  }),
  program('virsh', ['tests'], {
    apt: 'libvirt-clients',
    dnf: 'libvirt-client',
    pacman: 'libvirt',
    apk: 'libvirt-client',
  }),
  program('xmllint', ['tests'], { apt: 'libxml2-utils', dnf: 'libxml2', pacman: 'libxml2', apk: 'libxml2-utils' }),
  program('xorrisofs', ['tests'], { ...everywhere('xorriso'), pacman: 'libisoburn' }),
  {
    ...program('systemd-analyze', ['tests'], { apt: 'systemd', dnf: 'systemd', pacman: 'systemd' }),
    byHand: 'Alpine has no systemd: its test needs another distribution.',
  },
  { ...program('docker-registry', ['tests'], { apt: 'docker-registry' }), byHand: 'Only Debian has its package.' },
  // The page of `probe --html`.
  { ...program('chromium', ['tests']), found: { programs: ['chromium', 'chromium-browser'] } },
];
