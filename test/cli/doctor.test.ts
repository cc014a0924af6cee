import { expect, test, vi } from 'vitest';
import { command } from '../../src/cli/commands/computer/doctor.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const run = async (all: boolean) => command.run({ setup: false, all }, contextIn(await temporaryFolder()));

test('tells by group what is missing, and fails', async () => {
  vi.stubEnv('PATH', await temporaryFolder());
  const report = await run(false);
  vi.unstubAllEnvs();
  const modules = report.groups.find(({ group }) => group === 'modules');
  expect(modules?.missing).toEqual(expect.arrayContaining(['xz', 'zstd']));
  expect(report.install.join('\n')).toContain('zstd');
  expect(command.text(report)).toMatch(/^modules .*missing: .*zstd/m);
  expect(command.exitCode?.(report)).toBe(3);
});

test('a machine takes no compiler; --all adds it, the other architecture and the tests', async () => {
  const groups = async (all: boolean) => (await run(all)).groups.map(({ group }) => group);
  expect(await groups(true)).toEqual(expect.arrayContaining(['kernel-arm64', 'machine-arm64', 'tests']));
  expect((await groups(false)).filter((group) => /^(tests|kernel.*)$/.test(group))).toEqual([]);
});

test('when all is there it says so and succeeds', () => {
  const report = {
    groups: [{ group: 'tests', purpose: 'run all tests', found: ['git'], missing: [] }],
    install: [],
  } as const;
  expect(command.text(report)).toMatch(/ok: git\n\nEverything is there\.$/);
  expect(command.exitCode?.(report)).toBe(0);
});
