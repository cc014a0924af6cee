/** Prints which of the programs are there. */
export const PROGRAMS = `for name; do
  if command -v -- "$name" >/dev/null; then printf '%s\\n' "$name"; fi
done
`;

export const PLACE = `uname -sr
cat /proc/sys/kernel/random/boot_id
uname -m
nproc
id -u
printf '%s\\n' "$HOME" "\${XDG_CACHE_HOME:-}" "\${XDG_DATA_HOME:-}" "\${XDG_STATE_HOME:-}"
`;

/** Which ports are taken: the tables of the kernel (proc_net_tcp.rst). */
export const TCP_PORTS = `cat /proc/net/tcp
[ ! -e /proc/net/tcp6 ] || cat /proc/net/tcp6
`;
