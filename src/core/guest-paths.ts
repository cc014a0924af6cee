/** Where a guest has what vmkit puts there, and what its services share; what one service has alone is said by that service. */
export const GUEST = {
  /** vmkit's own scripts and notes, in memory. */
  own: '/run/vmkit',
  busybox: '/run/vmkit/busybox',
  /** The process that watches connections at this time, where there is one. */
  watched: '/run/vmkit/watched',
  /** A FIFO into which nobody writes: a shell that reads it with a deadline waits without a process. */
  never: '/run/vmkit/never',
  /** What each script of vmkit's begins with. */
  library: '/run/vmkit/library',
  /** Starts the stop in reverse order and the power-off; returns at once. */
  powerOff: '/run/vmkit/poweroff',
  /** The service that joins vsock with the ports, until a machine without network cards takes it. */
  vsock: '/run/vmkit/vsock',
  /** One line, `ADDRESS HOST`: where connections to the ports of the host arrive, and whom they come from. Which monitor runs a machine decides that. */
  hostPorts: '/run/vmkit/host-ports',
  /** A folder for each service, with its scripts. */
  services: '/run/vmkit/services',
  /** s6's scan directory: a folder for each service that is supervised. */
  supervised: '/run/service',
  /** A folder for each service, with its log as `current`. */
  logs: '/run/log',
  /** A folder for each service that has secrets. */
  secrets: '/run/secrets',
  /** The data disk; a service's home is the folder of its name. */
  data: '/data',
  /** Executables that Debian does not have. */
  components: '/opt/vmkit/bin',
  /** PostgreSQL's sockets, in Debian's place. */
  postgresql: '/run/postgresql',
} as const;

/** Search path of every script in the guest. */
export const GUEST_SEARCH_PATH = `${GUEST.components}:/usr/sbin:/usr/bin:/sbin:/bin`;

/** The same place in a tree (tree.ts), whose paths have no slash in front. */
export function inTree(path: string): string {
  return path.slice(1);
}

/**
 * How each script of vmkit's begins. The shell is stage 1's busybox: where the processor is emulated it starts in a tenth of the time of one that is linked
 * dynamically, and its own tools need no second program. It takes them before those of the root.
 */
export const OWN_SHELL = `#!${GUEST.busybox} sh`;
