import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { isRunning } from '../../../src/host/local/process/background.ts';
import { allRecorded, logsOf } from '../../../src/machine/vmm/launch/recorder.ts';
import { qmpCommand } from '../../../src/machine/vmm/qemu/qmp.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';

/** A database, and a web server of a person's own beside it, with files on the data disk. */
const HARD = `memory: 512MiB
data: 256MiB
services:
  - use: postgres
    databases: [{ name: app, owner: app }]
  - name: web
    secrets: [{ name: key, kind: hex }]
    files:
      - { path: /data/web/site/index.html, content: 'it is here', owner: service }
      - { path: /data/web/key, content: 'key={{secret:key}}', owner: service, mode: '0400' }
    run: exec /run/vmkit/busybox httpd -f -p 8000 -h /data/web/site
    ready: { http: http://127.0.0.1:8000/ }
`;

const CRASHING = `memory: 256MiB
data: 64MiB
services:
  - name: broken
    run: echo broken on purpose; exit 3
    ready: { check: 'false', within: 3600s }
  - name: half
    setup: echo its setup is broken; exit 4
    run: exec sleep infinity
    ready: { check: 'true', within: 3600s }
`;

describe.sequential('a guest that is attacked from inside, stands still, or hangs', () => {
  const sandbox = useSandbox();

  /** What a shell script of root's says in the guest. */
  async function inside(script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['exec', 'hard', '--', 'sh', '-c', script]);
    if (exitCode !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  const asWeb = (script: string): Promise<string> => inside(`s6-setuidgid web ${script}`);
  const query = (): Promise<string> =>
    inside("s6-setuidgid postgres psql -h /run/postgresql -d app -qAtX -c 'SELECT 1'");

  async function statusOf(service: string): Promise<unknown> {
    const status = Object(await sandbox.json(['status', 'hard']));
    const its = status.services.find(({ name }: { name: string }) => name === service);
    return { condition: status.condition, state: its?.state };
  }

  async function until(service: string, expected: unknown): Promise<void> {
    const reached = await poll(
      async () => (JSON.stringify(await statusOf(service)) === JSON.stringify(expected) ? true : undefined),
      { withinMs: 600_000, everyMs: 2_000 },
    );
    if (reached !== true) expect(await statusOf(service)).toEqual(expected);
  }

  async function processOf(service: string): Promise<Record<string, string | undefined>> {
    const text = await inside(
      `pid=$(s6-svstat -o pid /run/service/${service}); cd /proc/$pid; cat status; echo "oom: $(cat oom_score_adj)"; grep 'Max processes' limits | tr -s ' ' | sed 's/Max processes /processes:/'`,
    );
    return Object.fromEntries([...text.matchAll(/^(\w+):\s*(.*?)\s*$/gm)].map(([, key = '', value]) => [key, value]));
  }

  beforeAll(async () => {
    await sandbox.define('hard', HARD);
    const booted = await sandbox.vmkit(['boot', 'hard']);
    expect(booted.stderr).not.toContain('error:');
    expect(booted.exitCode).toBe(0);
  });

  test('each service has the rights that it needs, and no way to others', async () => {
    const none = { NoNewPrivs: '1', CapBnd: '0000000000000000', CapPrm: '0000000000000000' };
    expect(await processOf('web')).toMatchObject({
      ...none,
      oom: '100',
      processes: expect.stringContaining('512 512'),
    });
    expect(await processOf('postgres')).toMatchObject({ ...none, oom: '-900' });
    expect(await processOf('ssh')).toMatchObject({ NoNewPrivs: '0', oom: '-900' });
    expect(await inside('cat /proc/1/oom_score_adj /proc/self/oom_score_adj')).toBe('-1000\n0');
    const children = `for process in $(stat -c '%U %n' /proc/[0-9]* 2>/dev/null | sed -n 's/^postgres //p'); do cat $process/oom_score_adj; done`;
    expect((await inside(children)).split('\n').sort()).toEqual(expect.arrayContaining(['-900', '0']));
  });

  test('io_uring and programs of the kernel (BPF) are for root only, user namespaces for nobody, a fifo of somebody else is not opened', async () => {
    const call = (number: number, given: string): string =>
      `perl -e '$p = "\\0" x 48; print syscall(${number}, ${given}) < 0 ? "refused: $!" : "allowed"'`;
    expect(await asWeb(call(272, '0x10000000'))).toMatch(/^refused: No space left on device/);
    expect(await asWeb(call(321, '5, $p, 48'))).toBe('refused: Operation not permitted');
    const setup = `perl -e '$p = "\\0" x 120; print syscall(425, 4, $p) < 0 ? "refused: $!" : "allowed"'`;
    expect(await asWeb(setup)).toBe('refused: Operation not permitted');
    expect(await inside(setup)).toBe('allowed');
    await asWeb('/run/vmkit/busybox mkfifo /tmp/pipe');
    expect(await inside('(echo secret >/tmp/pipe) 2>&1 || true')).toContain('Permission denied');
    expect(await asWeb("sh -c 'cat /proc/1/environ 2>&1 || true'")).toContain('Permission denied');
  });

  test('a user who fills what it can write to does not stop PostgreSQL', async () => {
    const fill = `perl -e 'for $to ("/dev/shm", "/tmp", "/var/tmp") {
      open F, ">", "$to/fill" or next; 1 while syswrite F, "x" x 1048576; close F;
      for ($i = 0; open F, ">", "$to/file$i"; $i++) { close F } }
      print "full: $!"'`;
    expect(await asWeb(fill)).toBe('full: No space left on device');
    const available = Number(await inside("sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"));
    expect(available).toBeGreaterThan(100 * 1024);
    expect(await query()).toBe('1');
    await inside('rm -rf /dev/shm/fi* /tmp/fi*');
  });

  test('a user who takes all memory does not stop PostgreSQL', async () => {
    const before = await inside('s6-svstat -o pid /run/service/postgres');
    const eater = `perl -e 'open F, ">", "/proc/self/oom_score_adj"; print F 100; close F; push @a, "x" x 1e6 while 1'`;
    expect(await asWeb(`sh -c '${eater.replaceAll("'", "'\\''")}; echo ended $?'`)).toBe('ended 137');
    expect(await query()).toBe('1');
    expect(await inside('s6-svstat -o pid /run/service/postgres')).toBe(before);
  });

  test('a user who fills the data disk does not stop PostgreSQL from writing', async () => {
    expect(await asWeb("sh -c 'cat /dev/zero >/data/web/fill 2>/dev/null; wc -c </data/web/fill'")).toMatch(/^\d{8,}$/);
    const write = 'CREATE TABLE IF NOT EXISTS kept AS SELECT generate_series(1, 1000)';
    await inside(`s6-setuidgid postgres psql -h /run/postgresql -d app -qAtX -c '${write}' -c CHECKPOINT`);
    await inside('rm /data/web/fill');
  });

  test('files below /data are on the data disk, in folders of the service', async () => {
    expect(await inside('cat /data/web/site/index.html')).toBe('it is here');
    expect(await inside('cat /data/web/key')).toMatch(/^key=[0-9a-f]{64}$/);
    expect(await inside('stat -c "%U %a" /data/web /data/web/site /data/web/key')).toBe('web 700\nweb 755\nweb 400');
  });

  // The guest asks each half minute: three minutes of waiting.
  test.skipIf(!isAll)('services that hang are not ready, whatever they are; when they go on, they are', async () => {
    await inside('s6-svc -p /run/service/web; s6-svc -p /run/service/postgres');
    await until('web', { condition: 'degraded', state: 'unready' });
    await until('postgres', { condition: 'degraded', state: 'unready' });
    expect((await sandbox.vmkit(['status', 'hard'])).stdout).toContain('has not answered for');
    // What goes on hanging is started anew, some two minutes after it was asked first.
    await inside('s6-svc -c /run/service/postgres');
    await until('postgres', { condition: 'degraded', state: 'ready' });
    await until('web', { condition: 'running', state: 'ready' });
    expect(await inside('/run/vmkit/busybox pgrep psql | wc -l')).toBe('0');
    const said = await readFile(sandbox.machine('hard').eventsLog, 'utf8');
    expect(said).toContain('"event":"restart","service":"web"');
  });

  /** Whether the guest's clock is between this host's before and after it was asked, to the two seconds that it may lag. */
  async function hasTheTime(): Promise<true | undefined> {
    const before = Date.now() / 1000;
    const its = Number(await inside('date +%s'));
    return its >= before - 3 && its <= Date.now() / 1000 + 1 ? true : undefined;
  }

  /** By how many seconds, and by what the way to here takes: the least of many. */
  async function isBehind(): Promise<number> {
    const tell = 'for at in $(seq 60); do date +%s.%N; sleep 0.05; done';
    const telling = sandbox.start(['exec', 'hard', '--', 'sh', '-c', tell]);
    let least = Number.POSITIVE_INFINITY;
    telling.process.stdout?.on('data', (said: Buffer) => {
      const now = Date.now() / 1000;
      for (const line of said.toString().trim().split('\n')) least = Math.min(least, now - Number(line));
    });
    expect((await telling.ended).exitCode).toBe(0);
    return least;
  }

  const seconds = (count: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, count * 1000));

  test('a machine that stood still is told the time', async () => {
    // As a host that sleeps does, and as QEMU itself where this host's disk is full.
    const { controlSocket, eventsLog } = sandbox.machine('hard');
    await qmpCommand(controlSocket, 'stop', localHost());
    await seconds(20);
    await qmpCommand(controlSocket, 'cont', localHost());
    expect(await poll(hasTheTime, { withinMs: 120_000, everyMs: 2_000 })).toBe(true);
    expect(await readFile(eventsLog, 'utf8')).toMatch(/"event":"clock","uptime":[\d.]+,"forward":\d/);
  });

  test.skipIf(!isAll)('a QEMU that was stopped by a signal has the time, too', async () => {
    const pid = (await sandbox.state('hard'))?.pid;
    if (pid === undefined) throw new Error('hard does not run.');
    const before = await isBehind();
    process.kill(pid, 'SIGSTOP');
    await seconds(20);
    process.kill(pid, 'SIGCONT');
    expect(await poll(hasTheTime, { withinMs: 120_000, everyMs: 2_000 })).toBe(true);
    const after = await isBehind();
    console.log(`clock: ${(after - before).toFixed(3)} s more behind than before 20 s of SIGSTOP`);
    // 0.1 s where nobody else takes the processor between two readings.
    expect(Math.abs(after - before)).toBeLessThan(0.5);
  });

  test('the power key stops it cleanly, without a login', async () => {
    const state = await sandbox.state('hard');
    await qmpCommand(sandbox.machine('hard').controlSocket, 'system_powerdown', localHost());
    const isGone = (): true | undefined => (state !== undefined && isRunning(state) ? undefined : true);
    expect(await poll(isGone, { withinMs: 120_000 })).toBe(true);
    await allRecorded(logsOf(sandbox.machine('hard')), localHost());
    const said = await readFile(sandbox.machine('hard').eventsLog, 'utf8');
    expect(said).toMatch(/"event":"stopped","uptime":[\d.]+,"forced":false/);
    expect(said).toMatch(/"event":"stopped","service":"postgres","uptime":[\d.]+,"forced":false/);
  });

  test('what ends again and again is told long before its deadline, with its last words', async () => {
    await sandbox.define('crashing', CRASHING);
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'crashing', '--json']);
    expect(exitCode).toBe(5);
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    expect(error).toMatchObject({ code: 'service-crash-loop' });
    expect(error.message).toMatch(
      /broken ends again[\s\S]*broken on purpose|half ends again[\s\S]*its setup is broken/,
    );
    await sandbox.vmkit(['stop', 'crashing', '--within', '30']);
  });
});
