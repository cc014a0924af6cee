import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERB_NAMES } from '../../src/cli/parse/verbs.ts';
import { bundledCli, ended } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const cli = bundledCli();
const LOADED = VERB_NAMES.filter((verb) => verb !== 'completion');

describe('help', () => {
  test('of vmkit shows the flow', async () => {
    const home = await temporaryFolder();
    const help = await cli.run(['--help'], home);
    await expect(help.stdout).toMatchFileSnapshot('../golden/cli-help.txt');
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    for (const args of [[], ['-h'], ['help']]) expect(await cli.run(args, home)).toEqual(help);
    for (const line of help.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  test.each(LOADED)('of %s starts with its usage', async (verb) => {
    const { exitCode, stdout, stderr } = await cli.run([...verb.split(' '), '--help'], await temporaryFolder());
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^vmkit ${verb}\\b`));
    expect(stdout).toContain('--json');
  });

  test('--version is the one of the package', async () => {
    expect((await cli.run(['--version'], await temporaryFolder())).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a wrong command line ends with 2', () => {
  test.each([
    ['status', '--', 'sql'],
    ['stop', 'sql', '--', '--within'],
    ['rm', '--yes', '--', '..'],
  ])('what follows -- is not left out without a word: %s %s %s', async (...args) => {
    const { exitCode, stdout, stderr } = await cli.run(args, await temporaryFolder());
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('nothing can follow --.');
  });

  test.each([
    [['bot', 'sql'], 'unknown-verb', 'Did you mean: vmkit boot'],
    [['frobnicate'], 'unknown-verb', 'vmkit --help lists the verbs.'],
    [['--frobnicate'], 'bad-usage', 'vmkit --help lists the verbs.'],
    [['ls', '--jsn'], 'bad-usage', 'Usage: vmkit ls\nvmkit ls --help says more.'],
    [['logs'], 'bad-usage', 'Usage: vmkit logs <vm> [service]\nvmkit logs --help says more.'],
    [['ls', 'more'], 'bad-usage', 'Usage: vmkit ls\nvmkit ls --help says more.'],
    [['completion', 'tcsh'], 'bad-usage', 'vmkit completion bash, or vmkit completion zsh'],
    [['status', 'nowhere'], 'unknown-machine', 'vmkit ls shows all of them; vmkit boot nowhere makes it.'],
  ])('%j', async (args, code, hint) => {
    const home = await temporaryFolder();
    const asJson = await cli.run([...args, '--json'], home);
    expect(asJson).toMatchObject({ exitCode: 2, stdout: '' });
    expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { code, hint, exitCode: 2 } });
    const asText = await cli.run(args, home);
    expect(asText).toMatchObject({ exitCode: 2, stdout: '' });
    expect(asText.stderr).toMatch(/^error: vmkit |^error: There is no /);
    expect(asText.stderr).toContain(`hint: ${hint.split('\n')[0]}`);
    expect(asText.stderr).not.toContain('\u001b');
  });
});

describe('output', () => {
  test('with --json is JSON and nothing else', async () => {
    const home = await temporaryFolder();
    const { exitCode, stdout } = await cli.run(['ls', '--json'], home);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual([]);
    expect(JSON.parse((await cli.run(['--json', 'doctor'], home)).stdout)).toHaveProperty('groups');
  });

  test('problems of a definition are data, too', async () => {
    const home = await temporaryFolder();
    await mkdir(join(home, 'vm', 'bad'), { recursive: true });
    await writeFile(join(home, 'vm', 'bad', 'vm.yaml'), 'name: bad\nmemory: 1\n');
    const { exitCode, stderr } = await cli.run(['status', 'vm/bad', '--json'], home);
    expect(exitCode).toBe(2);
    const { error } = JSON.parse(stderr);
    expect(error).toMatchObject({ code: 'spec-invalid', details: { file: 'vm/bad/vm.yaml' } });
    expect(error.details.problems).toContainEqual(expect.objectContaining({ path: 'memory', line: 2, column: 9 }));
  });

  test('words after -- belong to the command that is run', async () => {
    const { exitCode, stderr } = await cli.run(
      ['exec', 'nowhere', '--', 'ls', '--json', '--frobnicate'],
      await temporaryFolder(),
    );
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^error: There is no machine nowhere/);
  });
});

describe('completion', () => {
  test.each(['bash', 'zsh'])('the script for %s asks vmkit', async (shell) => {
    const { exitCode, stdout } = await cli.run(['completion', shell], await temporaryFolder());
    expect(exitCode).toBe(0);
    expect(stdout).toContain('vmkit --get-yargs-completions');
    expect(stdout.includes('compdef')).toBe(shell === 'zsh');
  });

  test.each([
    [['st'], 'status\nstop\n'],
    [['boot', 'minif'], 'miniflux\n'],
    [['-v', 'stop', 'm'], 'miniflux\nmine\n'],
    [['rm', '--y'], '--yes\n'],
    [['status', 'sql', ''], ''],
    [['ls', ''], ''],
  ])('of %j', async (words, expected) => {
    const home = await temporaryFolder();
    await mkdir(join(home, 'vm', 'mine'), { recursive: true });
    const { stdout } = await cli.run(['--get-yargs-completions', 'vmkit', ...words], home);
    expect(stdout.split('\n').sort()).toEqual(expected.split('\n').sort());
  });
});

test('-v shows what starts, whoever starts it', async () => {
  const home = await temporaryFolder();
  await mkdir(join(home, '.local/share/vmkit/machines/sql'), { recursive: true });
  expect((await cli.run(['-v', 'stop', 'sql'], home)).stderr).toContain('$ flock -n 3\n');
  expect((await cli.run(['stop', 'sql'], home)).stderr).toBe('');
});

describe('Ctrl-C, an end by a supervisor, a terminal that is closed', () => {
  test.each([['SIGINT'], ['SIGTERM'], ['SIGHUP']] as const)(
    '%s ends a wait with 130, and says that nothing is half done',
    async (signal) => {
      const home = await temporaryFolder();
      const data = join(home, '.local/share/vmkit/machines/sql');
      await mkdir(data, { recursive: true });
      // Somebody else works on this machine: vmkit waits.
      const holder = spawn('flock', [join(data, 'lock'), 'sh', '-c', 'echo held; exec sleep 60'], { detached: true });
      try {
        await once(holder.stdout, 'data');
        const child = cli.start(['rm', 'sql', '--yes'], home);
        const end = ended(child);
        await once(child.stderr ?? child, 'data');
        child.kill(signal);
        expect(await end).toMatchObject({
          exitCode: 130,
          stdout: '',
          stderr: expect.stringContaining('error: Interrupted'),
        });
      } finally {
        if (holder.pid !== undefined) process.kill(-holder.pid);
      }
    },
  );
});
