import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { outOfMemory, sayOutOfMemory } from '../../src/init/services/memory-group.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What a service's finish says after each end, in turn: its exit code and what the kernel counted in the group until then. */
async function ends(memoryMib: number | undefined, after: readonly (readonly [number, string])[]): Promise<string[]> {
  const folder = await temporaryFolder();
  const here = (script: string): string =>
    script.replaceAll('/sys/fs/cgroup', folder).replaceAll('/run/vmkit', join(folder, 'own'));
  await mkdir(join(folder, 'service.web'));
  await mkdir(join(folder, 'own/killed'), { recursive: true });
  const said: string[] = [];
  for (const [code, events] of after) {
    await writeFile(join(folder, 'service.web/memory.events'), events);
    const finish = `${outOfMemory()}code=${code}\n${sayOutOfMemory({ name: 'web', memoryMib })}echo "event$memory"\n`;
    said.push(execFileSync('sh', ['-eu', '-c', here(finish)], { encoding: 'utf8' }).trim());
  }
  return said;
}

const count = (oom: number, kills: number): string =>
  `low 0\nhigh 0\nmax 68\noom ${oom}\noom_kill ${kills}\noom_group_kill 0\n`;

describe('why a service ended', () => {
  test('its limit, each time anew', async () => {
    const limit = 'was killed: out of memory (limit 64 MiB)\nevent,"outOfMemory":{"limitMib":64}';
    const twice = [
      [137, count(1, 2)],
      [137, count(2, 3)],
    ] as const;
    expect(await ends(64, twice)).toEqual([limit, limit]);
  });

  test('the machine, which had no more, with a limit that was not reached and without one', async () => {
    const machine = 'was killed: out of memory (the machine has no more)\nevent,"outOfMemory":{}';
    expect(await ends(64, [[137, count(0, 1)]])).toEqual([machine]);
    expect(await ends(undefined, [[137, count(0, 1)]])).toEqual([machine]);
  });

  test('something else: another signal, no new kill, or a kill of a program of its that it outlived', async () => {
    const others = [
      [137, count(0, 0)],
      [1, count(1, 1)],
      [137, count(1, 1)],
      [143, count(1, 1)],
    ] as const;
    expect(await ends(64, others)).toEqual(['event', 'event', 'event', 'event']);
  });
});
