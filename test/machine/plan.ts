import type { MachinePlan } from '../../src/machine/vmm/qemu/argv.ts';

/** A machine as it might be, for tests of what is made of it. */
export const plan: MachinePlan = {
  name: 'sql',
  arch: 'x86_64',
  cpus: 2,
  memoryMib: 1024,
  accelerator: 'tcg',
  kernel: '/cache/kernel/kernel',
  initramfs: '/cache/initramfs/initramfs.cpio',
  commandLine: 'console=ttyS0 quiet panic=-1 vmkit.hostname=sql vmkit.data=0f',
  disks: [
    { serial: 'vmkit-root', path: '/cache/root/root.img', isReadOnly: true },
    { serial: 'vmkit-data', path: '/data/sql/data.img', isReadOnly: false },
    { serial: 'vmkit-secrets', path: undefined, isReadOnly: true },
  ],
  world: 'internet',
  forwards: [
    { protocol: 'postgres', hostPort: 5432, guestPort: 5432 },
    { protocol: 'ssh', hostPort: 40022, guestPort: 22 },
  ],
  link: undefined,
  logs: { console: '/state/sql/console.log', events: '/state/sql/events.log', qemu: '/state/sql/qemu.log' },
  hasSandbox: true,
};
