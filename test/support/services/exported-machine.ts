import type { ExportedMachine } from '../../../src/export/machine.ts';

/** One with what an export can have to say something about. */
export const exportedMachine: ExportedMachine = {
  name: 'sql',
  arch: 'x86_64',
  cpus: 2,
  memoryMib: 512,
  disks: [
    { serial: 'vmkit-root', isReadOnly: true },
    { serial: 'vmkit-components', isReadOnly: true },
    { serial: 'vmkit-data', isReadOnly: false },
    { serial: 'vmkit-secrets', isReadOnly: true },
  ],
  services: ['ssh', 'postgres', 'wireguard'],
  ports: [
    { service: 'postgres', name: 'sql', protocol: 'postgres', guestPort: 5432, hostPort: 15432 },
    { service: 'wireguard', name: 'tunnel', protocol: 'udp', guestPort: 51820, hostPort: 51820 },
    { service: 'ssh', name: 'ssh', protocol: 'ssh', guestPort: 22, hostPort: undefined },
  ],
  network: { kind: 'private', address: '192.168.100.2', world: 'internet', hostAccess: [8443] },
  needs: ['news'],
  folder: '/srv/sql',
  kernelText: "Linux 6.12.9, vmkit's own",
  isElf: true,
  dataUuid: '7d1fd9ea-f0f3-44b1-9b8d-2a0f0f6d3f10',
  dataMib: 4096,
  readyWithinS: 180,
};
