/** Search path of every script in the guest. */
export const GUEST_PATH = '/opt/vmkit/bin:/usr/sbin:/usr/bin:/sbin:/bin';
