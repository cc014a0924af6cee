import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { command } from '../../src/cli/commands/build/check-kernel.ts';
import { liveScript, readTried } from '../../src/kernel/live/live-script.ts';
import { TRIALS, type Trial } from '../../src/kernel/live/trials.ts';

test('what is tried in a guest is as agreed, and a shell can read it', async () => {
  const script = liveScript(TRIALS);
  await expect(script).toMatchFileSnapshot('../golden/check-kernel-live.sh');
  execFileSync('sh', ['-n'], { input: script });
  for (const { script: trial } of TRIALS) execFileSync('sh', ['-n'], { input: trial });
  expect(new Set(TRIALS.map(({ name }) => name)).size).toBe(TRIALS.length);
});

const trial = (name: string): Trial => ({
  name,
  title: `title of ${name}`,
  profiles: [],
  programs: [],
  script: 'true',
});

test('what the guest says is read by the names of the trials, whatever else it prints', () => {
  const printed =
    'motd\nfails\na works\nb fails Error: No such file\nd works now\nb works\ne unknown no nft in the guest\n';
  expect(readTried(printed, ['a', 'b', 'c', 'e'].map(trial))).toEqual([
    { name: 'a', title: 'title of a', state: 'works', words: '' },
    { name: 'b', title: 'title of b', state: 'fails', words: 'Error: No such file' },
    { name: 'c', title: 'title of c', state: 'unknown', words: 'the guest did not get so far' },
    { name: 'e', title: 'title of e', state: 'unknown', words: 'no nft in the guest' },
  ]);
});

test('only what does not work is a failure', () => {
  const result = (printed: string) => ({ target: 'a', release: '6.12.1', tried: readTried(printed, [trial('a')]) });
  expect(command.exitCode?.(result('a works'))).toBe(0);
  expect(command.exitCode?.(result('a unknown no nft in the guest'))).toBe(0);
  expect(command.exitCode?.(result('a fails Operation not supported'))).toBe(4);
  expect(command.text(result('a unknown no nft in the guest'))).toBe(
    'a: linux 6.12.1, tried in the machine\ncannot tell  a  title of a: no nft in the guest',
  );
});
