/** QEMU's user network, as the guest sees it (qemu-system(1), `-netdev user`). The guest's address is set statically: no wait for DHCP. */
export const USER_NETWORK = {
  address: '10.0.2.15',
  prefixLength: 24,
  gateway: '10.0.2.2',
  dns: '10.0.2.3',
  interface: 'eth0',
} as const;
