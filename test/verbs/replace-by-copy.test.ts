import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { MachinePaths } from '../../src/core/paths.ts';
import { withMachine } from '../../src/machine/state/machine-lock.ts';
import { dice, SEED } from '../support/run/dice.ts';
import { isAll } from '../support/run/sampled.ts';
import { MIDDLE, NAME, scribble, withMachineOn } from '../support/services/machine-off.ts';

const KILLS = isAll ? 40 : 2;
const CHILD = fileURLToPath(new URL('../support/services/replace-in-child.ts', import.meta.url));

/** Milliseconds that it took, from its beginning until it ended or was killed. */
async function replace(folder: string, text: string, killedAfterMs?: number): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, folder, NAME, text, String(MIDDLE)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  const begun = performance.now();
  const timer = killedAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killedAfterMs);
  await ended;
  clearTimeout(timer);
  if (killedAfterMs === undefined) expect(child.exitCode).toBe(0);
  return performance.now() - begun;
}

/** What the disk has, and what the secret is. */
async function there({ dataDisk, secretsDir }: MachinePaths): Promise<readonly string[]> {
  const disk = await open(dataDisk);
  const { buffer } = await disk.read(Buffer.alloc(4096), 0, 4096, MIDDLE);
  await disk.close();
  return [buffer.toString('utf8').trim(), readFileSync(join(secretsDir, 'postgres', 'app-password'), 'utf8').trim()];
}

test(
  `killed ${KILLS} times at any moment of an import or an upgrade, a machine is what it was, or wholly the new one`,
  async () => {
    console.log(`VMKIT_TEST_SEED=${SEED}`);
    const { int } = dice(SEED);
    const { folder, context, paths } = await withMachineOn();
    await scribble(paths, 'once');
    const wholeMs = await replace(folder, 'whole');
    expect(await there(paths)).toEqual(['whole', 'whole']);
    let last = 'whole';
    const outcomes = { before: 0, after: 0 };
    for (let round = 0; round < KILLS; round++) {
      const next = `round-${round}`;
      await replace(folder, next, int(Math.ceil(wholeMs)));
      // At once, as a person would who sees it die: whoever takes the lock next puts in place what was decided.
      await withMachine(NAME, 'test', context, async () => undefined);
      const [disk, secret] = await there(paths);
      expect([last, next]).toContain(disk);
      expect(secret).toBe(disk);
      expect(existsSync(paths.decidedDir)).toBe(false);
      outcomes[disk === next ? 'after' : 'before']++;
      last = disk ?? '';
    }
    console.log(`${outcomes.before} as before, ${outcomes.after} wholly new`);
    await replace(folder, 'last');
    expect(await there(paths)).toEqual(['last', 'last']);
    expect(existsSync(join(paths.dataDir, 'apart'))).toBe(false);
  },
  isAll ? 1_800_000 : 60_000,
);

test('a command that a killed vmkit left at work is waited for by whoever takes the lock next', async () => {
  const { context, paths } = await withMachineOn();
  mkdirSync(paths.incomingDir);
  writeFileSync(join(paths.incomingDir, 'identity.json'), 'new');
  const script = 'exec 9<"$1" && flock 9 && echo held && sleep 0.5 && mv -- "$2" "$3"';
  const left = spawn('sh', ['-c', script, 'sh', paths.dataDir, paths.incomingDir, paths.decidedDir]);
  await once(left.stdout, 'data');
  await withMachine(NAME, 'test', context, async () => undefined);
  expect(readFileSync(paths.identityFile, 'utf8')).toBe('new');
});
