import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { localHost } from '../../../src/host/local/local.ts';
import type { PlacedMachine } from '../../../src/machine/placing.ts';
import { launchScript } from '../../../src/machine/vmm/launch/launch-script.ts';
import { openFiles, qemuArgv } from '../../../src/machine/vmm/qemu/argv.ts';
import { qmpCommand } from '../../../src/machine/vmm/qemu/qmp.ts';
import { plan } from '../../machine/plan.ts';
import { ended } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function machineIn(folder: string): Promise<PlacedMachine> {
  await mkdir(join(folder, 'run'), { recursive: true });
  const file = async (name: string): Promise<string> => {
    await writeFile(join(folder, name), Buffer.alloc(1024 * 1024));
    return join(folder, name);
  };
  return {
    ...plan,
    arch: 'arm64',
    kernel: await file('kernel'),
    initramfs: await file('initramfs'),
    disks: [
      { serial: 'vmkit-root', isReadOnly: true },
      { serial: 'vmkit-data', isReadOnly: false },
      { serial: 'vmkit-secrets', isReadOnly: true },
    ],
    diskFiles: { 'vmkit-root': await file('root.img'), 'vmkit-data': await file('with, comma.img') },
    forwards: [],
    logs: {
      console: join(folder, 'console.log'),
      events: join(folder, 'events.log'),
      monitor: join(folder, 'qemu.log'),
    },
  };
}

/** Started with its processors stopped (-S), so that any file will do as a kernel of arm64. */
function start(machine: PlacedMachine, folder: string, secrets = Buffer.alloc(512), run = 'run'): ChildProcess {
  const script = launchScript({
    argv: [...qemuArgv(machine), '-S'],
    files: openFiles(machine),
    logs: machine.logs,
    folder: join(folder, run),
    user: undefined,
    lock: { path: join(folder, 'power.lock'), record: { name: 'sql' } },
    inputBytes: 512,
  });
  const child = spawn('bash', ['--norc', '-c', script], { timeout: 60_000 });
  child.stdin.end(secrets);
  return child;
}

test("QEMU takes the whole command, passes the guest's flushes on, and leaves read-only what is", async () => {
  const folder = await temporaryFolder();
  const machine = await machineIn(folder);
  await writeFile(join(folder, 'power.lock'), 'of an earlier, longer run '.repeat(20));
  const running = start(machine, folder);
  const end = ended(running);
  const socket = join(folder, 'run', 'qmp.sock');
  const disks = await poll(() => qmpCommand(socket, 'query-block', localHost()).catch(() => undefined), {
    withinMs: 30_000,
  });
  expect(disks).toMatchObject([
    { inserted: { ro: true, 'node-name': 'vmkit-root' } },
    {
      inserted: { ro: false, 'node-name': 'vmkit-data', cache: { 'no-flush': false, writeback: true, direct: false } },
    },
    { inserted: { ro: true, 'node-name': 'vmkit-secrets' } },
  ]);
  expect(JSON.parse(await readFile(join(folder, 'power.lock'), 'utf8'))).toEqual({
    pid: running.pid,
    startTime: expect.any(Number),
    name: 'sql',
  });

  const second = await ended(start(machine, folder));
  expect(second).toMatchObject({ exitCode: 1, stderr: 'Another QEMU runs this machine.\n' });

  // The lock file is gone, by whatever mishap: the disk's own lock still holds.
  await rm(join(folder, 'power.lock'));
  await writeFile(join(folder, 'power.lock'), '');
  await mkdir(join(folder, 'other'));
  const third = start(machine, folder, undefined, 'other');
  expect(await ended(third)).toMatchObject({ exitCode: 1, stderr: 'Another QEMU runs this machine.\n' });

  await qmpCommand(socket, 'quit', localHost());
  await end;
});

test('a start that fails late leaves no process behind: each would hold the output that `ended` waits for', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'power.lock'), '');
  const machine = await machineIn(folder);
  for (const [run, missing] of [
    ['run', { ...machine, kernel: join(folder, 'gone') }],
    // A folder below a file.
    ['power.lock/run', machine],
  ] as const)
    expect(await ended(start(missing, folder, undefined, run))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/No such file|Not a directory/),
    });
});

test('secrets that came half way start nothing', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'power.lock'), '');
  const { exitCode, stderr } = await ended(start(await machineIn(folder), folder, Buffer.alloc(100)));
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'vmkit was killed before QEMU had its secrets.\n' });
});
