import { overlaps, parseAddress, parseSubnet } from '../../core/addresses/ipv4.ts';

/**
 * The network of each machine's first card: its host's ports lead there, and through it the guest dials the world. It ends in the monitor (machine/vmm), which
 * makes it as it stands here: a guest's addresses are vmkit's, whatever runs it, so an image does not depend on that. The numbers are the ones that QEMU has when
 * nobody says more (qemu-system(1), `-netdev user`). The guest's address is set statically: no wait for DHCP.
 */
export const USER_NETWORK = {
  subnet: '10.0.2.0/24',
  address: '10.0.2.15',
  prefixLength: 24,
  gateway: '10.0.2.2',
  dns: '10.0.2.3',
  address6: 'fec0::15',
  prefixLength6: 64,
  gateway6: 'fec0::2',
  interface: 'eth0',
  mac: '52:54:00:76:6d:6b',
} as const;

/** Whether an IPv4 address is on it: no other network of a machine may have such a one. */
export function isOnUserNetwork(address: string): boolean {
  const base = parseAddress(address);
  const own = parseSubnet(USER_NETWORK.subnet);
  return base !== undefined && own !== undefined && overlaps({ base, bits: 32 }, own);
}
