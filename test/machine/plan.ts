import type { PlacedMachine } from '../../src/machine/placing.ts';

/** A machine as it might be, for tests of what is made of it. */
export const plan: PlacedMachine = {
  name: 'sql',
  arch: 'x86_64',
  cpus: 2,
  memoryMib: 1024,
  accelerator: 'tcg',
  kernel: '/cache/kernel/kernel',
  initramfs: '/cache/initramfs/initramfs.cpio',
  commandLine: 'console=ttyS0 quiet panic=-1 vmkit.hostname=sql vmkit.data=0f',
  disks: [
    { serial: 'vmkit-root', isReadOnly: true },
    { serial: 'vmkit-data', isReadOnly: false },
    { serial: 'vmkit-secrets', isReadOnly: true },
  ],
  diskFiles: { 'vmkit-root': '/cache/root/root.img', 'vmkit-data': '/data/sql/data.img' },
  services: ['ssh', 'postgres'],
  ports: [
    { service: 'postgres', name: 'sql', protocol: 'postgres', guestPort: 5432, hostPort: 5432 },
    { service: 'ssh', name: 'ssh', protocol: 'ssh', guestPort: 22, hostPort: undefined },
  ],
  network: { kind: 'user', world: 'internet', hostAccess: [] },
  needs: [],
  forwards: [
    { protocol: 'postgres', hostPort: 5432, guestPort: 5432 },
    { protocol: 'ssh', hostPort: 40022, guestPort: 22 },
  ],
  device: undefined,
  logs: { console: '/state/sql/console.log', events: '/state/sql/events.log', monitor: '/state/sql/qemu.log' },
  facts: { version: '7.2', hasSandbox: true },
};
