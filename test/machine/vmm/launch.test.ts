import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { type Launch, launchScript, memoryFd } from '../../../src/machine/vmm/launch/launch-script.ts';
import { openFiles, qemuArgv } from '../../../src/machine/vmm/qemu/argv.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { plan } from '../plan.ts';

const launch: Launch = {
  argv: qemuArgv(plan),
  files: openFiles(plan),
  logs: plan.logs,
  folder: "/state/it's/run",
  user: undefined,
  lock: { path: '/data/sql/power.lock', record: { name: 'sql', stateDir: "/state/it's" } },
  inputBytes: 1024,
};

test.each([
  ['user', launch],
  ['root-kvm', { ...launch, argv: qemuArgv({ ...plan, accelerator: 'kvm' }), user: { id: 60_800, group: 104 } }],
  ['root-trial', { ...launch, user: { id: 60_800, group: undefined }, lock: undefined, files: [], argv: ['qemu'] }],
  [
    'user-resumed',
    { ...launch, saved: { memory: '/data/sql/suspended/memory', recorded: { console: '/c', events: "/it's/events" } } },
  ],
])('the script for %s', async (name, each) => {
  const script = launchScript(each);
  await expect(script).toMatchFileSnapshot(`../../golden/launch/${name}.sh`);
  await promisify(execFile)('bash', ['-n', '-c', script]);
});

test('a script that comes late, while a monitor runs already, touches nothing of it', async () => {
  const at = await temporaryFolder();
  const path = join(at, 'power.lock');
  const logs = { console: join(at, 'console.log'), events: join(at, 'events.log'), monitor: join(at, 'qemu.log') };
  const folder = join(at, 'run');
  await writeFile(path, '');
  await mkdir(folder);
  await writeFile(join(folder, 'of-the-last-one'), '');
  await writeFile(logs.events, 'of the last one');
  const argv = ['sh', '-c', 'echo said; : >socket; exec sleep 60'];
  const files = [
    { fd: 3, role: 'console', path: logs.console, access: 'record' as const },
    { fd: 4, role: 'events', path: logs.events, access: 'record' as const },
  ];
  const script = launchScript({ ...launch, argv, files, logs, folder, lock: { path, record: {} }, inputBytes: 0 });
  const start = () => execa('bash', ['--norc', '-c', script], { reject: false });
  const seen = async (): Promise<readonly string[]> => {
    const { stdout } = await execa('sh', ['-c', 'ls -i run; cat power.lock qemu.log; ls'], { cwd: at, reject: false });
    return stdout.split('\n');
  };
  const first = start();
  const said = async () => ((await readFile(logs.monitor, 'utf8').catch(() => '')) === 'said\n' ? true : undefined);
  expect(await poll(said, { withinMs: 30_000 })).toBe(true);
  const before = await seen();
  expect(before.join()).not.toContain('of-the-last-one');
  expect(await readFile(logs.events, 'utf8').catch(() => '')).toBe('');
  const late = await start();
  expect(late).toMatchObject({ exitCode: 1, stderr: 'Another QEMU runs this machine.' });
  expect(await seen()).toEqual(before);
  first.kill('SIGKILL');
  await first;
});

test('what goes on has its memory at a descriptor, and its logs begin with what was recorded of it', async () => {
  const at = await temporaryFolder();
  const logs = { console: join(at, 'console.log'), events: join(at, 'events.log'), monitor: join(at, 'qemu.log') };
  const memory = join(at, 'memory');
  const bytes = Buffer.alloc(300_000, 'm');
  await writeFile(memory, bytes);
  const recorded = { console: join(at, 'kept-console'), events: join(at, 'kept-events') };
  await writeFile(recorded.console, 'a line\n'.repeat(30_000));
  await writeFile(recorded.events, 'before\n');
  const files = [
    { fd: 3, role: 'console', path: logs.console, access: 'record' as const },
    { fd: 4, role: 'events', path: logs.events, access: 'record' as const },
  ];
  const argv = ['sh', '-c', `sleep 0.1; echo after >&4; cat <&${memoryFd(files)} >got`];
  const folder = join(at, 'run');
  const saved = { memory, recorded };
  const script = launchScript({ ...launch, argv, files, logs, folder, lock: undefined, inputBytes: 0, saved });
  await execa('bash', ['--norc', '-c', script]);
  expect((await readFile(join(folder, 'got'))).equals(bytes)).toBe(true);
  const isWhole = async () => ((await readFile(logs.events, 'utf8')) === 'before\nafter\n' ? true : undefined);
  expect(await poll(isWhole, { withinMs: 30_000 })).toBe(true);
  expect((await readFile(logs.console, 'utf8')).length).toBe(210_000);
});
