import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { findProgram, searchPath } from '../../src/host/local/search-path.ts';
import { type Autostart, units } from '../../src/machine/autostart/units.ts';
import { autostartOff, autostartOn, hasAutostart } from '../../src/verbs/autostart.ts';
import type { VerbContext } from '../../src/verbs/step.ts';
import { contextIn } from '../support/context.ts';
import { parse } from '../support/definition.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SYSTEM: Autostart = {
  name: 'forge',
  vmkit: ['/usr/bin/node', '/opt/vmkit/dist/main.js'],
  boot: ['/srv/vm/forge', '--component', 'forgejo=/opt/for gejo'],
  needs: ['sql'],
  environment: { HOME: '/root', PATH: '/usr/bin:/bin', XDG_DATA_HOME: '/srv/100% "mine"' },
  pidFile: '/var/lib/vmkit/machines/forge/pid',
  stateFile: '/var/lib/vmkit/machines/forge/state.json',
  isSystem: true,
  notify: 'mail -s "$VMKIT_TEXT" me',
  backup: { when: 'daily', options: ['--keep', '7d4w12m'] },
};
const USER: Autostart = {
  ...SYSTEM,
  isSystem: false,
  needs: [],
  backup: undefined,
  notify: undefined,
  boot: ['/home/me/vm/$x'],
};

const text = (autostart: Autostart): string =>
  [...units(autostart)].map(([name, unit]) => `==> ${name} <==\n${unit}`).join('\n');

test('the units of root, and of a person', async () => {
  await expect(text(SYSTEM)).toMatchFileSnapshot('../golden/autostart/system.txt');
  await expect(text(USER)).toMatchFileSnapshot('../golden/autostart/user.txt');
});

const analyze = findProgram('systemd-analyze', searchPath(process.env['PATH'] ?? ''));

test.runIf(analyze !== undefined).each([SYSTEM, USER])('systemd reads them ($isSystem)', async (autostart) => {
  const folder = await temporaryFolder();
  const own = { ...autostart, vmkit: [process.execPath, '/bin/true'] };
  const files = [...units(own)].map(([name, unit]) => {
    writeFileSync(join(folder, name), unit);
    return join(folder, name);
  });
  // What it finds wrong it prints; units of this computer may have faults of their own.
  const said = execFileSync('sh', ['-c', '"$0" verify "$@" 2>&1 || :', analyze ?? '', ...files], { encoding: 'utf8' });
  expect(said.split('\n').filter((line) => line.includes(folder) || line.includes('vmkit-'))).toEqual([]);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A computer with systemd, on which we are not root: its systemctl writes down what it is told. */
async function withSystemd(hasSystemd = true) {
  const folder = await temporaryFolder();
  const context = contextIn(folder);
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const name of ['systemctl', 'loginctl']) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>${folder}/told\n`, { mode: 0o755 });
  }
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  vi.stubEnv('XDG_CONFIG_HOME', join(folder, 'config'));
  const { host } = context;
  const own: VerbContext = {
    ...context,
    host: {
      ...host,
      facts: async () => ({ ...(await host.facts()), isRoot: false }),
      stat: (path) => host.stat(path === '/run/systemd/system' ? (hasSystemd ? folder : join(folder, 'no')) : path),
    },
  };
  const told = (): string => (existsSync(join(folder, 'told')) ? readFileSync(join(folder, 'told'), 'utf8') : '');
  return { context: own, told, units: join(folder, 'config', 'systemd', 'user') };
}

const { spec } = parse('name: demo\nmemory: 256MiB\ndata: 64MiB\nservices: [{ use: postgres }]\n');
const OPTIONS = {
  vmkit: ['/usr/bin/node', '/v/main.js'],
  boot: [],
  backup: 'daily',
  keep: '7d',
  notify: undefined,
  isDryRun: false,
};

test('on writes and enables, off takes all of it back, twice is no error', async () => {
  if (spec === undefined) throw new Error('not read');
  const { context, told, units: folder } = await withSystemd();
  const machine = { ...spec, arch: 'x86_64' as const };
  expect((await autostartOn(machine, { ...OPTIONS, isDryRun: true }, context)).files).toHaveLength(5);
  expect([told(), existsSync(folder)]).toEqual(['', false]);
  for (let twice = 0; twice < 2; twice++) await autostartOn(machine, OPTIONS, context);
  expect(await hasAutostart('demo', context)).toBe(true);
  expect(told()).toContain(
    'systemctl --user enable vmkit-demo.service vmkit-health-demo.timer vmkit-backup-demo.timer',
  );
  expect(told()).toContain('loginctl enable-linger');
  for (let twice = 0; twice < 2; twice++) await autostartOff('demo', false, context);
  expect(told()).toContain(
    'systemctl --user disable vmkit-demo.service vmkit-health-demo.timer vmkit-backup-demo.timer',
  );
  expect(existsSync(join(folder, 'vmkit-demo.service'))).toBe(false);
  expect(await hasAutostart('demo', context)).toBe(false);
});

test('without systemd nothing is written, and the commands are told', async () => {
  if (spec === undefined) throw new Error('not read');
  const { context, units: folder } = await withSystemd(false);
  const report = await autostartOn({ ...spec, arch: 'x86_64' }, OPTIONS, context);
  expect(report.commands).toEqual([
    '/usr/bin/node /v/main.js boot /definitions/demo',
    '/usr/bin/node /v/main.js stop demo --within 90',
  ]);
  expect(existsSync(folder)).toBe(false);
});
