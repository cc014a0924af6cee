import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useSandbox } from '../../support/machine.ts';

const DEFINITION = `memory: 256MiB
data: 256MiB
services:
  - name: writer
    run: exec sleep infinity
    ready: { check: "true", within: 60s }
`;

/** The data folder is a file system of its own, which is full as long as a file of ballast lies in it. */
describe.runIf(process.getuid?.() === 0)('the disk of this host gets full under a running guest', () => {
  const sandbox = useSandbox();
  const ballast = (): string => join(sandbox.machine('full').dataDir, 'ballast');
  const guest = (script: string) => sandbox.vmkit(['exec', 'full', '--', 'sh', '-c', script]);

  beforeAll(async () => {
    const { dataDir } = sandbox.machine('full');
    await mkdir(dataDir, { recursive: true });
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=300m,mode=0700', 'tmpfs', dataDir]);
    await writeFile(ballast(), Buffer.alloc(250 * 1024 * 1024));
    await sandbox.define('full', DEFINITION);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'full']);
    expect(exitCode, stderr).toBe(0);
  });
  afterAll(async () => {
    await sandbox.vmkit(['stop', 'full', '--within', '30']);
    await execa('umount', ['-l', sandbox.machine('full').dataDir]);
  });

  test('it is paused, and status, exec and boot name the disk', async () => {
    expect((await guest('echo acknowledged >/data/writer/rows && sync')).exitCode).toBe(0);
    const fill =
      'cd /data/writer; (dd if=/dev/urandom of=big bs=1M count=100; sync; echo done >filled) >/dev/null 2>&1 &';
    expect((await guest(fill)).exitCode).toBe(0);
    await expect
      .poll(() => sandbox.json(['status', 'full']), { timeout: 300_000, interval: 1_000 })
      .toMatchObject({ condition: 'paused', held: { state: 'io-error' } });
    const exec = await guest('true');
    expect(exec.stderr).toContain('the disk of this host that holds its data disk is full');
    const boot = await sandbox.vmkit(['boot', 'full', '--json']);
    expect(boot.exitCode).toBe(5);
    expect(boot.stderr).toContain('"disk-full"');
    expect(boot.stderr).not.toContain('writer missed');
  });

  test('with room again the next verb lets it go on; what was acknowledged and what was held is there', async () => {
    await rm(ballast());
    expect(await sandbox.json(['status', 'full'])).toMatchObject({ condition: 'running' });
    await expect
      .poll(async () => (await guest('cat /data/writer/filled')).stdout, { timeout: 300_000, interval: 1_000 })
      .toBe('done\n');
    expect((await guest('cat /data/writer/rows; stat -c %s /data/writer/big')).stdout).toBe(
      'acknowledged\n104857600\n',
    );
    expect((await sandbox.vmkit(['boot', 'full'])).exitCode).toBe(0);
  });

  test('it stops cleanly', async () => {
    expect(await sandbox.json(['stop', 'full'])).toMatchObject({ stopped: { forced: [] } });
  });
});
