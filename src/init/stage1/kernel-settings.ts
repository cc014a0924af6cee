import { fatal } from '../../spec/guest-event.ts';

/** sysctl(8) names and values, in the order of linux Documentation/admin-guide/sysctl. */
const SETTINGS: readonly (readonly [name: string, value: number])[] = [
  // A file or a fifo that somebody else left in /tmp is not opened by mistake, a link there not followed.
  ['fs.protected_fifos', 2],
  ['fs.protected_hardlinks', 1],
  ['fs.protected_regular', 2],
  ['fs.protected_symlinks', 1],
  // io_uring is root's: faults in it were most of what broke out of users' rights for years. PostgreSQL 17 does not use it.
  ['kernel.io_uring_disabled', 1],
  ['kernel.dmesg_restrict', 1],
  ['kernel.kptr_restrict', 2],
  ['kernel.unprivileged_bpf_disabled', 1],
  // Nobody but root looks into another process.
  ['kernel.yama.ptrace_scope', 2],
  ['net.core.bpf_jit_harden', 2],
  // Who makes a user namespace is root there, and reaches parts of the kernel that are root's. Containers that root starts need none; root may raise it.
  ['user.max_user_namespaces', 0],
];

/** Lines of stage 1. A kernel that lacks a setting lacks what it would restrict; one that refuses it is not gone on with. */
export function kernelSettings(): string {
  const lines = SETTINGS.map(([name, value]) => `setting ${name.replaceAll('.', '/')} ${value}\n`);
  return `# What the kernel lets users do.
setting() {
  [ ! -e /proc/sys/"$1" ] || echo "$2" >/proc/sys/"$1" || ${fatal('setting-refused')} "the kernel refuses $1 = $2"
}
${lines.join('')}`;
}
