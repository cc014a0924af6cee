import type { Snapshot } from '../../../machine/disks/snapshots.ts';
import { deleteSnapshot, snapshotsOf } from '../../../verbs/backup/snapshot.ts';
import { machineName } from '../../../verbs/machine-name.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';
import { bytesText } from '../../show/bytes-text.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'snapshots <vm>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .option('remove', { type: 'string', requiresArg: true, describe: 'Delete the snapshot of this id' }),
  run: async ({ vm, remove }, context): Promise<readonly Snapshot[]> => {
    const name = await machineName(vm, context);
    if (remove !== undefined) await deleteSnapshot(name, remove, context);
    return snapshotsOf(name, context);
  },
  text: (snapshots) =>
    snapshots.length === 0
      ? 'No snapshots.'
      : table(
          snapshots.map(({ id, bytes, isRunning, kernel, why }) => [
            id,
            bytesText(bytes),
            why ?? (isRunning ? `while it ran on ${kernel ?? 'its kernel'}` : 'while it was off'),
          ]),
        ),
});
