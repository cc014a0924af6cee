import { dirname, join } from 'node:path/posix';
import { DISK_SERIALS } from '../../../spec/disks.ts';
import type { PlacedMachine } from '../../placing.ts';
import type { AvfPlace } from './config.ts';

/** In the machine's run folder, which is the current folder of `vm run`. */
export const AVF_FILES = { config: 'vm.json', secrets: 'secrets.img', input: 'input', pid: 'pid' } as const;

/** The descriptors of the pipes to the logs. */
export const PIPES = { console: 4, events: 5, monitor: 6 } as const;

/** Where AVF finds what a machine consists of. Pure. */
export function avfPlace({ diskFiles, kernel, initramfs, logs }: PlacedMachine): AvfPlace {
  const run = runFolder(logs);
  const found: Readonly<Record<string, string | undefined>> = {
    [DISK_SERIALS.secrets]: join(run, AVF_FILES.secrets),
    ...diskFiles,
    kernel,
    initramfs,
    console: `/proc/self/fd/${PIPES.console}`,
    events: `/proc/self/fd/${PIPES.events}`,
  };
  return {
    fileOf: (role) => {
      const path = found[role];
      if (path === undefined) throw new TypeError(`A machine without its ${role}.`);
      return path;
    },
  };
}

/** `run` beside the logs (core/paths.ts). */
export function runFolder({ events }: PlacedMachine['logs']): string {
  return join(dirname(events), 'run');
}
