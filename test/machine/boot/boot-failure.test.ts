import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machinePaths } from '../../../src/core/paths.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { bootFailure } from '../../../src/machine/follow/boot-failure.ts';
import { emptyProgress, withEvent } from '../../../src/machine/follow/boot-progress.ts';
import { bootDeadlines, type Followed } from '../../../src/machine/follow/follow.ts';
import { contextIn } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const progress = withEvent(emptyProgress(['ssh', 'postgres']), { event: 'start', service: 'postgres', uptime: 1.5 });
const followed = (end: Followed['end'], known = progress): Followed => ({
  end,
  progress: known,
  consoleTail: ['[    1.2] a line of the kernel'],
});
const deadlines = bootDeadlines([{ ready: { check: '', everyMs: 50, withinSeconds: 90 } }]);

test.each<[string, Followed['end'], boolean]>([
  ['late', { kind: 'late', service: 'postgres', uptime: 91.5, waitingFor: undefined, log: 'FATAL: broken\n' }, true],
  [
    'crash-loop',
    {
      kind: 'late',
      service: 'postgres',
      uptime: 18.5,
      waitingFor: undefined,
      reason: 'crash-loop',
      log: 'FATAL: broken\n',
    },
    true,
  ],
  ['late-behind', { kind: 'late', service: 'miniflux', uptime: 181, waitingFor: 'postgres', log: '' }, true],
  [
    'fatal',
    { kind: 'fatal', code: 'data-disk-foreign', message: 'the file system on /dev/vdb is not 0f', uptime: 2 },
    false,
  ],
  ['panic', { kind: 'panic', line: '[ 1.2] Kernel panic - not syncing: VFS' }, false],
  ['no-event-port', { kind: 'no-event-port', line: 'vmkit: no event port' }, false],
  ['no-init', { kind: 'no-init', usedSeconds: 58.24 }, true],
  ['no-init-stuck', { kind: 'no-init', usedSeconds: 0.31 }, true],
  ['timeout', { kind: 'timeout' }, true],
  [
    'disk-full',
    {
      kind: 'held',
      held: {
        state: 'io-error',
        text: 'paused: the disk is full',
        hint: 'Make room.',
        kind: 'no-room',
        canGoOn: true,
      },
    },
    true,
  ],
])('what a person reads of a boot that failed: %s', async (name, end, isStillRunning) => {
  const paths = machinePaths(contextIn('/home/me').paths, 'sql');
  const error = await bootFailure('sql', followed(end), deadlines, paths, localHost(), isStillRunning);
  const text = `${error.code} (exit code ${error.exitCode})\n${error.message}\nhint: ${error.hint}\n`;
  await expect(text).toMatchFileSnapshot(`../../golden/boot-failure/${name}.txt`);
});

test('a service that was killed for want of memory is named with its limit', async () => {
  const exit = { event: 'exit', service: 'postgres', uptime: 17, code: 137, outOfMemory: { limitMib: 32 } } as const;
  const end = { kind: 'late', service: 'postgres', uptime: 18.5, waitingFor: undefined, log: '' } as const;
  const paths = machinePaths(contextIn('/home/me').paths, 'sql');
  for (const reason of [undefined, 'crash-loop'] as const) {
    const killed = followed({ ...end, reason }, withEvent(progress, exit));
    const { message } = await bootFailure('sql', killed, deadlines, paths, localHost(), true);
    expect(message).toContain('18.5 s. It was killed: out of memory (limit 32 MiB), 1 time.');
  }
});

test("where QEMU ended by itself, QEMU's own words are there", async () => {
  const folder = await temporaryFolder();
  const paths = { ...machinePaths(contextIn(folder).paths, 'sql'), monitorLog: join(folder, 'qemu.log') };
  await writeFile(paths.monitorLog, 'qemu-system-x86_64: Could not set up host forwarding rule\n');
  const error = await bootFailure('sql', followed({ kind: 'qemu-ended' }), deadlines, paths, localHost(), false);
  expect(error.code).toBe('qemu-ended');
  expect(error.message).toContain('Could not set up host forwarding rule');
});
