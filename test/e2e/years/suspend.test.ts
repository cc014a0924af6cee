import { access, stat, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endProcess, isRunning } from '../../../src/host/local/process/background.ts';
import { useSandbox } from '../../support/machine.ts';
import { dice, SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';

const ROUNDS = isAll ? 20 : 2;

/** A number that only a process of the guest knows. */
const DEFINITION = `memory: 256MiB
data: 64MiB
network: { kind: user, world: none }
services:
  - name: counter
    run: n=0; while :; do n=$((n + 1)); echo $n >/tmp/n.new; mv /tmp/n.new /tmp/n; sleep 0.2; done
    ready: { check: test -s /tmp/n, within: 60s }
`;

interface Seen {
  readonly boot: string;
  readonly count: number;
  readonly secondsOff: number;
}

describe.sequential('suspend and resume', () => {
  const sandbox = useSandbox();
  const { int } = dice(SEED);
  const code = ({ stderr }: { stderr: string }): string =>
    JSON.parse(stderr.trim().split('\n').at(-1) ?? '').error.code;
  const isThere = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );

  /** Which start of its kernel it is, how far it has counted, and how far its clock is off, at least. */
  async function look(): Promise<Seen> {
    const before = Date.now();
    const script = 'cat /proc/sys/kernel/random/boot_id /tmp/n; date +%s.%N';
    const { stdout, stderr, exitCode } = await sandbox.vmkit(['exec', 'counter', '--', 'sh', '-c', script]);
    expect(exitCode, stderr).toBe(0);
    const [boot = '', count, now] = stdout.split('\n');
    const guest = Number(now) * 1000;
    return { boot, count: Number(count), secondsOff: Math.max(0, before - guest, guest - Date.now()) / 1000 };
  }

  beforeAll(async () => {
    await sandbox.define('counter', DEFINITION);
    expect(await sandbox.json(['boot', 'counter'])).toMatchObject({ booted: { wasSuspended: false } });
  });
  afterAll(async () => {
    await sandbox.vmkit(['stop', 'counter', '--within', '30']);
    await sandbox.vmkit(['rm', 'counter', '--yes']);
  });

  test('its memory goes to the disk and QEMU ends; it goes on where it was, with the right time; its disk is kept from others meanwhile', async () => {
    const before = await look();
    const state = await sandbox.state('counter');
    expect(await sandbox.json(['suspend', 'counter'])).toMatchObject({ name: 'counter' });
    const suspendedAt = Date.now();
    expect(state !== undefined && isRunning(state)).toBe(false);
    expect(await sandbox.json(['ls'])).toMatchObject([{ name: 'counter', condition: 'suspended' }]);
    const { suspendedDir } = sandbox.machine('counter');
    expect(((await stat(suspendedDir)).mode & 0o777).toString(8)).toBe('700');
    expect(((await stat(`${suspendedDir}/memory`)).mode & 0o777).toString(8)).toBe('600');
    for (const args of [
      ['rollback', 'counter'],
      ['rename', 'counter', 'other'],
    ])
      expect(code(await sandbox.vmkit([...args, '--json']))).toBe('machine-suspended');
    expect(await sandbox.json(['stop', 'counter'])).toMatchObject({ isSuspended: true });
    await sleep(Math.max(0, suspendedAt + 3_000 - Date.now()));
    expect(await sandbox.json(['resume', 'counter'])).toMatchObject({ wasRunning: false });
    const after = await look();
    expect(after.boot).toBe(before.boot);
    expect(after.count).toBeGreaterThan(before.count);
    expect(after.secondsOff).toBeLessThan(0.5);
    expect(await sandbox.json(['status', 'counter'])).toMatchObject({ condition: 'running' });
    await expect.poll(async () => (await look()).count, { timeout: 60_000 }).toBeGreaterThan(after.count);
  });

  test('killed at any moment it goes on in the same memory, or was never suspended', async () => {
    const { boot } = await look();
    for (let round = 0; round < ROUNDS; round++) {
      const verb = round % 2 === 0 ? 'suspend' : 'resume';
      const why = `seed ${SEED}, round ${round}: ${verb}`;
      if (verb === 'resume') await sandbox.json(['suspend', 'counter']);
      const { process: vmkit, ended } = sandbox.start([verb, 'counter']);
      await sleep(300 + int(5_000));
      vmkit.kill('SIGKILL');
      await ended;
      const again = await sandbox.vmkit(['boot', 'counter']);
      expect(again.exitCode, `${why}: ${again.stderr}`).toBe(0);
      expect((await look()).boot, why).toBe(boot);
      const { suspendingDir, suspendedDir, resumedDir } = sandbox.machine('counter');
      for (const memory of [suspendingDir, suspendedDir, `${resumedDir}/memory`])
        expect(await isThere(memory), `${why}: ${memory}`).toBe(false);
    }
  });

  test('QEMU is killed while it saves: what was not whole is nothing', async () => {
    const { process: vmkit, ended } = sandbox.start(['suspend', 'counter']);
    const state = await sandbox.state('counter');
    const { suspendingDir } = sandbox.machine('counter');
    await expect.poll(() => isThere(`${suspendingDir}/memory`), { timeout: 60_000, interval: 20 }).toBe(true);
    if (state !== undefined) endProcess(state, 'SIGKILL');
    const { exitCode } = await ended;
    expect(vmkit.exitCode).toBe(exitCode);
    expect(exitCode).not.toBe(0);
    expect(await sandbox.json(['status', 'counter'])).toMatchObject({ condition: 'crashed' });
    expect(await sandbox.json(['boot', 'counter'])).toMatchObject({ booted: { wasSuspended: false } });
  });

  test('a disk that was written to since: resume refuses, boot drops the memory and says so', async () => {
    const { boot } = await look();
    await sandbox.json(['suspend', 'counter']);
    await utimes(sandbox.machine('counter').dataDisk, new Date(), new Date());
    const refused = await sandbox.vmkit(['resume', 'counter', '--json']);
    expect(code(refused)).toBe('resume-failed');
    expect(refused.stderr).toContain('written to since');
    const booted = await sandbox.vmkit(['boot', 'counter']);
    expect(booted.exitCode, booted.stderr).toBe(0);
    expect(booted.stderr).toContain('Its memory is dropped');
    expect((await look()).boot).not.toBe(boot);
  });
});
