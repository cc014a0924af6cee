import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { freePort } from '../../src/net/tcp.ts';
import { dice } from '../support/dice.ts';
import { useSandbox } from '../support/machine.ts';

const KILLS = process.env['VMKIT_TEST_ALL'] === undefined ? 1 : 20;

const booted = z.object({ booted: z.object({ wentBack: z.object({ why: z.string() }).optional() }) });

describe.sequential('a machine with rollback: auto', () => {
  const sandbox = useSandbox();
  const seed = Number(process.env['VMKIT_TEST_SEED'] ?? Date.now() % 1_000_000);
  const { int } = dice(seed);
  let port = 0;
  /** A service that writes its version on the data disk before it is asked whether it is ready. */
  const define = (version: string, check: string): Promise<void> =>
    sandbox.define(
      'notes',
      `memory: 256MiB
data: 64MiB
rollback: auto
services:
  - name: notes
    packages: [busybox]
    setup: echo ${version} >>/data/notes/versions
    run: exec busybox httpd -f -p 8000 -h /data/notes
    ready: { check: "${check}", within: 4s }
    ports: [{ name: web, port: 8000, protocol: http, host: ${port} }]
`,
    );
  const ready = 'busybox nc -w 5 127.0.0.1 8000 -e /bin/true';
  const boot = async () => booted.parse(await sandbox.json(['boot', 'notes'])).booted.wentBack;
  const stop = async () => expect((await sandbox.vmkit(['stop', 'notes'])).exitCode).toBe(0);
  /** What ever wrote to the disk, as a client sees it. */
  const versions = async (): Promise<string[]> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/versions`)).text();
    return [...new Set(text.trim().split('\n'))];
  };

  beforeAll(async () => {
    console.log(`VMKIT_TEST_SEED=${seed}`);
    port = await freePort();
    await define('one', ready);
    expect(await boot()).toBeUndefined();
    await stop();
  });

  test('goes back to what it booted from before, and to its data of then, and says so', async () => {
    await define('two', 'false');
    const back = await boot();
    expect(back?.why).toContain('notes missed the deadline');
    expect(await versions()).toEqual(['one']);
    expect(await sandbox.json(['snapshots', 'notes'])).toMatchObject([{ isAutomatic: true }, { isAutomatic: true }]);
    await stop();
  });

  test('killed at any moment of that, the next boot does it', async () => {
    for (let round = 0; round < KILLS; round++) {
      const cut = sandbox.start(['boot', 'notes']);
      await sleep(int(25_000));
      cut.process.kill('SIGKILL');
      await cut.ended;
      expect(await boot()).toBeDefined();
      expect(await versions()).toEqual(['one']);
      expect(await sandbox.json(['snapshots', 'notes'])).toHaveLength(2);
      await stop();
    }
  });

  test('takes what is well, and does not leave it', async () => {
    await define('three', ready);
    const unseen = sandbox.start(['boot', 'notes']);
    // It gets ready, and nobody is there to see it.
    while ((await sandbox.state('notes')) === undefined) await sleep(50);
    unseen.process.kill('SIGKILL');
    await unseen.ended;
    while ((await fetch(`http://127.0.0.1:${port}/versions`).catch(() => undefined))?.ok !== true) await sleep(200);
    await sleep(2_000);
    await sandbox.killQemu('notes');
    await define('four', 'false');
    expect(await boot()).toBeDefined();
    expect(await versions()).toEqual(['one', 'three']);
    await stop();
  });
});
