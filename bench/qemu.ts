import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { momentOf } from './measure.ts';

/** A machine that is only started to see how long it takes. */
export interface Guest {
  readonly kernel: string;
  readonly initrd?: string;
  /** Raw images, in the order vda, vdb. */
  readonly disks?: readonly string[];
  readonly append: string;
  readonly memoryMib: number;
}

/** The arguments that all compared guests share: software emulation, two processors, q35. */
function argv(guest: Guest, consoleFile: string): string[] {
  return [
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', `${guest.memoryMib}`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', `file:${consoleFile}`],
    ...['-kernel', guest.kernel, '-append', `console=ttyS0 quiet panic=-1 ${guest.append}`],
    ...(guest.initrd === undefined ? [] : ['-initrd', guest.initrd]),
    ...(guest.disks ?? []).flatMap((disk) => ['-drive', `file=${disk},format=raw,if=virtio`]),
    ...['-nic', 'user,model=virtio-net-pci', '-device', 'virtio-rng-pci'],
  ];
}

/**
 * Seconds from power-on (QEMU is started) until `marker` is on the console. The guest is expected to power off afterwards by itself
 * and is ended after the deadline. Throws when the marker never comes.
 */
export async function secondsToMarker(guest: Guest, marker: string, withinSeconds: number): Promise<number> {
  const consoleFile = `${process.env['TMPDIR'] ?? '/tmp'}/vmkit-bench-${process.pid}.console`;
  await rm(consoleFile, { force: true });
  const start = performance.now();
  const child = spawn('qemu-system-x86_64', argv(guest, consoleFile), { stdio: 'ignore' });
  const ended = once(child, 'close');
  try {
    const moment = await momentOf(consoleFile, marker, withinSeconds);
    if (moment === undefined)
      throw new Error(`no "${marker}" within ${withinSeconds} s; the console is in ${consoleFile}`);
    const grace = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await ended;
    clearTimeout(grace);
    await rm(consoleFile, { force: true });
    return (moment - start) / 1000;
  } finally {
    child.kill('SIGKILL');
  }
}
