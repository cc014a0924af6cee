import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { qemuArgv } from '../../src/machine/qemu.ts';
import { plan } from '../machine/plan.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Started with its processors stopped (-S), so that any file will do as a kernel of arm64. */
test("QEMU takes the whole command, passes the guest's flushes on, and leaves read-only what is", async () => {
  const folder = await temporaryFolder();
  const file = async (name: string): Promise<string> => {
    await writeFile(join(folder, name), Buffer.alloc(1024 * 1024));
    return join(folder, name);
  };
  const argv = qemuArgv({
    ...plan,
    arch: 'arm64',
    kernel: await file('kernel'),
    initramfs: await file('initramfs'),
    disks: [
      { serial: 'vmkit-root', path: await file('root.img'), isReadOnly: true },
      { serial: 'vmkit-data', path: await file('with, comma.img'), isReadOnly: false },
    ],
    forwards: [],
    consoleSocket: join(folder, 'console.sock'),
    qmpSocket: join(folder, 'qmp.sock'),
  });
  const input = '{"execute":"qmp_capabilities"}{"execute":"query-block","id":"disks"}{"execute":"quit"}';
  // QEMU is given its logs open.
  const withLogs = 'exec "$@" 8>/dev/null 9>/dev/null';
  const { stdout } = await execa('sh', ['-c', withLogs, 'sh', ...argv, '-S', '-qmp', 'stdio'], {
    input,
    timeout: 60_000,
  });
  const answers: { id?: string; return?: unknown }[] = stdout.split('\n').map((line) => JSON.parse(line));
  expect(answers.find(({ id }) => id === 'disks')?.return).toMatchObject([
    { inserted: { ro: true, 'node-name': 'vmkit-root' } },
    {
      inserted: { ro: false, 'node-name': 'vmkit-data', cache: { 'no-flush': false, writeback: true, direct: false } },
    },
  ]);
});
