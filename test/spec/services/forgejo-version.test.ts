import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rememberVersion, versionGuard } from '../../../src/spec/services/forgejo/forgejo-version.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** The guard and the note of a guest whose executable says that it is of a version. */
async function guest() {
  const home = await temporaryFolder();
  const file = join(home, 'version');
  const program = join(home, 'forgejo');
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'bin', 's6-setuidgid'), '#!/bin/sh\nshift\nexec "$@"\n', { mode: 0o755 });
  writeFileSync(join(home, 'library'), 'refuse() { echo "refused $1 $2: $3"; exit 1; }\n');
  const run = (script: string): { readonly said: string; readonly exitCode: number | null } => {
    const here = script
      .replaceAll('/data/forgejo/version', file)
      .replaceAll('/opt/vmkit/bin/forgejo', program)
      .replaceAll('/run/vmkit/library', join(home, 'library'));
    const { stdout, stderr, status } = spawnSync('sh', ['-eu'], {
      input: here,
      encoding: 'utf8',
      env: { PATH: `${join(home, 'bin')}:${process.env['PATH']}` },
    });
    return { said: stdout + stderr, exitCode: status };
  };
  return {
    file,
    install: (version: string): void => {
      writeFileSync(
        program,
        `#!/bin/sh\necho asked >>${home}/asked\necho 'forgejo version ${version} built with go'\n`,
      );
      chmodSync(program, 0o755);
    },
    asked: (): number => (existsSync(join(home, 'asked')) ? readFileSync(join(home, 'asked'), 'utf8').length / 6 : 0),
    guard: (pinned?: string) => run(versionGuard(pinned)),
    ready: () => run(rememberVersion()),
  };
}

test('the first version is taken as it is, and asked once', async () => {
  const { install, guard, ready, file, asked } = await guest();
  install('11.0.6');
  expect(guard()).toEqual({ said: '', exitCode: 0 });
  expect(ready()).toEqual({ said: '', exitCode: 0 });
  expect(readFileSync(file, 'utf8')).toMatch(/^11\.0\.6 \d+-[0-9a-f]{16}\n$/);
  const before = asked();
  expect(guard()).toEqual({ said: '', exitCode: 0 });
  expect(ready().exitCode).toBe(0);
  expect(asked()).toBe(before);
});

test.each([
  ['11.0.7', 0, ''],
  ['11.0.5', 0, ''],
  ['10.2.0', 1, 'refused forgejo data-of-other-version: the data is of Forgejo 11.0.6, and this is the older 10.2.0'],
  ['9.0.3', 1, 'the older 9.0.3'],
  [
    '11.1.0',
    1,
    'refused forgejo data-of-other-version: the data is of Forgejo 11.0.6, and this is 11.1.0, which would',
  ],
  ['15.0.3', 1, 'would migrate it for good'],
])('after 11.0.6 comes %s', async (version, exitCode, says) => {
  const { install, guard, ready } = await guest();
  install('11.0.6');
  ready();
  install(version);
  const result = guard();
  expect(result.exitCode).toBe(exitCode);
  expect(result.said).toContain(says);
});

test('a pinned version starts, and no other one', async () => {
  const { install, guard } = await guest();
  install('11.0.6');
  expect(guard('11.0.6').exitCode).toBe(0);
  expect(guard('11.0.7').said).toContain('refused forgejo program-of-other-version: vm.yaml wants Forgejo 11.0.7');
});

test('an executable that names no version does not start', async () => {
  const { install, guard } = await guest();
  install('unknown');
  expect(guard()).toMatchObject({ exitCode: 1, said: expect.stringContaining('names no version') });
});

test('the scripts are POSIX sh', () => {
  for (const script of [versionGuard('1.2.3'), rememberVersion()]) execFileSync('sh', ['-n'], { input: script });
});
