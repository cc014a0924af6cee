import { type Logs, recordLogs } from '../../../src/machine/vmm/launch/recorder.ts';

/** The command for a shell script whose descriptors 8 and 9 are the console's log and that of the events, and whose output is QEMU's. */
export function recorded(script: string, logs: Logs): string[] {
  const lines = ['umask 077', ...recordLogs(logs, []), `exec 8>${logs.console}.pipe`, `exec 9>${logs.events}.pipe`];
  return ['bash', '--norc', '-c', [...lines, 'exec sh -c "$1"'].join('\n'), 'bash', script];
}
