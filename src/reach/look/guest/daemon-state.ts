import { GUEST } from '../../../core/guest-paths.ts';

/** s6's folder of tailscaled. */
export const TAILSCALED = `${GUEST.supervised}/tailscale`;

/**
 * A shell's function that says how tailscaled's process stands, by files alone: its state (T: a signal halts it; D: it waits in the kernel, proc_pid_stat(5)), and
 * whether its group is frozen (cgroups(7)). It sets `used` to the time on the processor so far, in ticks of 10 ms.
 */
export const DAEMON_STATE = `daemon() {
  pid=$(s6-svstat -o pid ${TAILSCALED}) && [ "$pid" -gt 0 ] || return 1
  read -r _ _ state _ _ _ _ _ _ _ _ _ _ user system _ </proc/$pid/stat || return 1
  used=$((user + system)); echo "state $state"
  { IFS=: read -r _ _ group </proc/$pid/cgroup && read -r frozen </sys/fs/cgroup$group/cgroup.freeze && echo "frozen $frozen"; } || true
} 2>/dev/null`;
