import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportTo } from '../../src/export/engines.ts';
import type { ExportedMachine } from '../../src/export/machine.ts';
import { exportedMachine } from '../support/services/exported-machine.ts';
import { crosvmStandIn } from '../support/stand-ins/crosvm-stand-in.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const program = process.env['VMKIT_CROSVM'] ?? '';

const machines: readonly (readonly [string, ExportedMachine])[] = [
  ['a private network', exportedMachine],
  ['the user network', { ...exportedMachine, network: { kind: 'user', world: 'none', hostAccess: [] } }],
];

describe.each(machines)('the script `run` for crosvm, with %s', (_, machine) => {
  const words = async (): Promise<string[]> => {
    const folder = await temporaryFolder();
    const bin = join(folder, 'bin');
    await mkdir(bin);
    // It writes down how it was called, and runs nothing.
    await writeFile(join(bin, 'crosvm'), '#!/bin/sh\nprintf \'%s\\0\' "$@" >called\n');
    await chmod(join(bin, 'crosvm'), 0o755);
    const run = exportTo('crosvm', machine).files.find(({ path }) => path === 'run')?.content ?? '';
    await writeFile(join(folder, 'run'), run, { mode: 0o755 });
    const path = `${bin}${delimiter}${process.env['PATH'] ?? ''}`;
    const ended = spawnSync(join(folder, 'run'), { env: { PATH: path }, encoding: 'utf8', timeout: 30_000 });
    expect([ended.status, ended.stderr]).toEqual([0, '']);
    return (await readFile(join(folder, 'called'), 'utf8')).split('\0').slice(0, -1);
  };

  // 35: the words are wrong. 1: they were taken, and then a file was not there.
  test("is in the words that crosvm's parser takes, as the stand-in knows it", async () => {
    expect(crosvmStandIn('17', ['crosvm', ...(await words())], () => false)).toMatchObject({ exitCode: 1 });
  });

  test.skipIf(program === '')('is taken by the real crosvm that VMKIT_CROSVM names', async () => {
    const ask = (called: readonly string[]): unknown => {
      const { status, stderr } = spawnSync(program, called, { encoding: 'utf8', timeout: 30_000 });
      return [status, stderr];
    };
    const called = await words();
    expect(ask(called)).toEqual([1, expect.stringContaining('No such file')]);
    expect(ask([...called.slice(0, 2), '--no-such-option', ...called.slice(2)])).toEqual([35, expect.any(String)]);
  });
});
