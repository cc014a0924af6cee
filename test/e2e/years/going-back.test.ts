import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { freePort } from '../../../src/net/tcp.ts';
import { useSandbox } from '../../support/machine.ts';
import { dice, SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';
import { monitorStandIn, notes, versionsAt } from '../../support/stand-ins/monitor-stand-in.ts';

const booted = z.object({ booted: z.object({ wentBack: z.object({ why: z.string() }).optional() }) });

/** Many rounds with the stand-in, few with a guest. */
describe.each([
  { monitor: 'QEMU', kills: isAll ? 5 : 0 },
  { monitor: 'a stand-in', kills: isAll ? 40 : 2 },
])('a machine with rollback: auto, by $monitor', ({ monitor, kills }) => {
  const sandbox = useSandbox();
  const { int } = dice(SEED);
  let port = 0;
  let standIn: string | undefined;
  const define = (version: string, isBroken = false): Promise<void> =>
    sandbox.define('notes', notes(version, port, { isBroken: isBroken ? 'here' : undefined }));
  const boot = async () => booted.parse(await sandbox.json(['boot', 'notes'])).booted.wentBack;
  const stop = async () => expect((await sandbox.vmkit(['stop', 'notes'])).exitCode).toBe(0);
  let bootMs = 0;

  beforeAll(async () => {
    console.log(`VMKIT_TEST_SEED=${SEED}`);
    if (monitor !== 'QEMU') {
      standIn = await monitorStandIn();
      vi.stubEnv('PATH', `${standIn}:${process.env['PATH']}`);
    }
    port = await freePort();
    await define('one');
    expect(await boot()).toBeUndefined();
    await stop();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    if (standIn !== undefined) await rm(standIn, { recursive: true });
  });

  test('goes back to what it booted from before, and to its data of then, and says so', async () => {
    await define('two', true);
    const started = performance.now();
    const back = await boot();
    bootMs = performance.now() - started;
    expect(back?.why).toContain('notes missed the deadline');
    expect(await versionsAt(port)).toEqual(['one']);
    expect(await sandbox.json(['snapshots', 'notes'])).toMatchObject([{ isAutomatic: true }, { isAutomatic: true }]);
    await stop();
  });

  test('killed at any moment of that, the next boot does it', async () => {
    for (let round = 0; round < kills; round++) {
      const cut = sandbox.start(['boot', 'notes']);
      await sleep(int(Math.round(bootMs)));
      cut.process.kill('SIGKILL');
      await cut.ended;
      const back = await boot();
      expect(await versionsAt(port)).toEqual(['one']);
      // It was there already: then it is waited for.
      if (back === undefined)
        expect(await sandbox.json(['boot', 'notes'])).toMatchObject({ booted: { wasRunning: true } });
      await stop();
    }
    expect(await sandbox.json(['snapshots', 'notes'])).toMatchObject([{ isAutomatic: true }, { isAutomatic: true }]);
  });

  test.skipIf(monitor === 'QEMU' && !isAll)('what got ready is not left, though nobody saw it', async () => {
    await define('three');
    const unseen = sandbox.start(['boot', 'notes']);
    await expect.poll(() => sandbox.state('notes'), { timeout: 60_000, interval: 20 }).toBeDefined();
    unseen.process.kill('SIGKILL');
    await unseen.ended;
    const isBooted = async (): Promise<boolean> =>
      Object(await sandbox.json(['status', 'notes'])).condition === 'running';
    await expect.poll(isBooted, { timeout: 120_000, interval: 100 }).toBe(true);
    await sandbox.killQemu('notes');
    await define('four', true);
    expect(await boot()).toBeDefined();
    expect(await versionsAt(port)).toEqual(['one', 'three']);
    await stop();
  });
});
