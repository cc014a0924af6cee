import { stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { LOG_LIMITS } from '../../../src/machine/vmm/launch/recorder.ts';
import { type Ended, useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';

/** Says that all is well, in every way that it knows, and that the kernel panicked; takes the terminal over; and is never ready until /data/rogue/go is there. */
const DEFINITION = `memory: 256MiB
data: 64MiB
services:
  - name: rogue
    setup: |
      for line in \\
        '{"event":"ready","service":"rogue","uptime":1}' '{"event":"booted","uptime":1}' \\
        'vmkit-event {"event":"booted","uptime":1}' 'Kernel panic - not syncing: not at all' \\
        '{"event":"fatal","code":"data-disk-foreign","message":"no","uptime":1}' 'vmkit: no event port'
      do
        echo "$line" >/dev/console
      done
      printf '\\033]0;owned\\007\\033[2J\\033]52;c;aGk=\\007\\302\\2332J\\342\\200\\256\\n' >/dev/console
      head -c 100000 /dev/zero | tr '\\0' x >/dev/console
    run: |
      printf '\\033]0;owned\\007\\033[2J\\033]52;c;aGk=\\007\\302\\2332J\\342\\200\\256\\n'
      echo '{"event":"booted","uptime":1}'
      head -c 100000 /dev/zero | tr '\\0' y
      echo
      exec sleep infinity
    ready: { check: "test -e /data/rogue/go", within: 45s }
`;

const OBEYED = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

function expectHarmless({ stdout, stderr }: Ended): void {
  expect(OBEYED.exec(stdout)).toBeNull();
  expect(OBEYED.exec(stderr)).toBeNull();
}

describe.sequential("a guest's word", () => {
  const sandbox = useSandbox();
  const paths = () => sandbox.machine('rogue');
  let failed: Ended;

  beforeAll(async () => {
    await sandbox.define('rogue', DEFINITION);
    failed = await sandbox.vmkit(['boot', 'rogue']);
  });

  test('readiness is not faked by what is printed, nor is a panic or a refusal', async () => {
    expect(failed.stderr).toContain('the service rogue missed the deadline of its readiness');
    expect(failed.exitCode).toBe(5);
    expect(await sandbox.json(['status', 'rogue'])).toMatchObject({
      condition: 'failed',
      services: expect.arrayContaining([expect.objectContaining({ name: 'rogue', state: 'late' })]),
    });
  });

  test('an error shows what was printed, and nothing of it is obeyed', () => {
    expectHarmless(failed);
    expect(failed.stderr).toContain('\\x1b]0;owned\\x07');
    expect(failed.stderr).toContain('\\u202e');
  });

  test.each([
    ['the console', ['logs', 'rogue']],
    ["the service's own", ['logs', 'rogue', 'rogue']],
    ['how it fares', ['status', 'rogue']],
    ['as data', ['status', 'rogue', '--json']],
  ])('%s is shown harmless', async (_, args) => {
    const ended = await sandbox.vmkit(args);
    expect(ended.exitCode).toBe(0);
    expectHarmless(ended);
  });

  test('logs lose nothing but what would be obeyed', async () => {
    const { stdout } = await sandbox.vmkit(['logs', 'rogue', 'rogue']);
    expect(stdout).toContain('\\x1b]52;c;aGk=\\x07');
    expect(stdout.replaceAll(/[^y]/g, '').length).toBeGreaterThanOrEqual(100_000);
  });

  test('what a person runs himself keeps its bytes', async () => {
    const { stdout } = await sandbox.vmkit(['exec', 'rogue', '--', 'printf', '\\033[1mbold']);
    expect(stdout).toBe('\u001b[1mbold');
  });

  test("the port is root's alone", async () => {
    const attempt = "s6-setuidgid rogue sh -c 'echo x >/dev/virtio-ports/vmkit.events'";
    const { exitCode, stderr } = await sandbox.vmkit(['exec', 'rogue', '--', 'sh', '-c', attempt]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('Permission denied');
  });

  test('it is ready once it really is', async () => {
    await sandbox.vmkit(['exec', 'rogue', '--', 'touch', '/data/rogue/go']);
    const booted = await sandbox.vmkit(['boot', 'rogue']);
    expect(booted.stderr).not.toContain('error:');
    expect(await sandbox.json(['status', 'rogue'])).toMatchObject({ condition: 'running' });
  });

  test.skipIf(!isAll)(
    'however much is said, by the console or by the port, the files keep their measure and the machine goes on',
    async () => {
      const flood =
        'head -c 9000000 /dev/zero >/dev/console & yes | dd bs=32k count=64 >/dev/virtio-ports/vmkit.events; wait';
      expect((await sandbox.vmkit(['exec', 'rogue', '--', 'sh', '-c', flood])).exitCode).toBe(0);
      const { consoleLog, eventsLog } = paths();
      for (const [path, limit] of [
        [consoleLog, LOG_LIMITS.console],
        [eventsLog, LOG_LIMITS.events],
      ] as const) {
        expect((await stat(`${path}.1`)).size).toBe(limit);
        expect((await stat(path)).size).toBeLessThanOrEqual(limit);
      }
      const state = await sandbox.vmkit(['status', 'rogue']);
      expectHarmless(state);
      expectHarmless(await sandbox.vmkit(['logs', 'rogue']));
      expect((await sandbox.vmkit(['exec', 'rogue', '--', 'echo', 'still here'])).stdout).toBe('still here\n');
    },
  );

  test('a kernel configuration without end is not read to its end', async () => {
    const lie =
      'mkdir /tmp/proc && truncate -s 3G /tmp/proc/lie && /run/vmkit/busybox mount -o bind /tmp/proc/lie /proc/config.gz';
    expect((await sandbox.vmkit(['exec', 'rogue', '--', 'sh', '-c', lie])).exitCode).toBe(0);
    const { exitCode, stderr } = await sandbox.vmkit(['check-kernel', 'rogue']);
    expect(stderr).toContain('holds more than 16 MiB');
    expect(exitCode).toBe(3);
  });

  test('it stops as any machine does', async () => {
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['stop', 'rogue']);
    expect({ exitCode, stdout, isForced: /quit|killed/.test(stderr) }).toMatchObject({ exitCode: 0, isForced: false });
    expect((await stat(paths().consoleLog)).size).toBeLessThanOrEqual(LOG_LIMITS.console);
  });
});
