/** Where things are in the guest; docs/how-it-works.md has the same table. */
export const GUEST = {
  /** vmkit's scripts, in memory. */
  scripts: '/run/vmkit',
  /** s6's scan directory. */
  services: '/run/service',
  logs: '/run/log',
  secrets: '/run/secrets',
  data: '/data',
} as const;

/** Search path of every script in the guest. */
export const GUEST_PATH = '/opt/vmkit/bin:/usr/sbin:/usr/bin:/sbin:/bin';
