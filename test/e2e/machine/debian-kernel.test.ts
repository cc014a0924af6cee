import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { judgeConfig, purposeNames } from '../../../src/kernel/check/judge.ts';
import { debianKernelArtifact } from '../../../src/kernel/ready-made/debian-kernel.ts';
import { moduleName, parseModulesDep } from '../../../src/kernel/ready-made/load-order.ts';
import type { Built } from '../../../src/store/artifact.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../../support/context.ts';
import { useSandbox } from '../../support/machine.ts';

const HELLO = `memory: 384MiB
data: 64MiB
services:
  - name: hello
    files: [{ path: /srv/hello/index.html, content: "Hello!\\n" }]
    run: exec /run/vmkit/busybox httpd -f -p 8000 -h /srv/hello
    ready: { http: http://127.0.0.1:8000/ }
  - name: greedy
    memory: 32MiB
    run: |
      until [ -e /tmp/eat ]; do sleep 1; done
      exec perl -e '$eaten = "x" x 1e8; sleep 1e6'
    ready: { check: 'true' }
`;

/** Debian's kernel in a real guest, and the same files given as a kernel of somebody else's. One boot. */
describe('a machine on the kernel of Debian', () => {
  const sandbox = useSandbox(undefined, { hasOwnKernel: false });
  let kernel: Built;

  beforeAll(async () => {
    const context = { ...contextIn(sandbox.folder), paths: sandbox.paths };
    kernel = await ensureArtifact(debianKernelArtifact('x86_64'), context);
    await sandbox.define('hello', HELLO);
  });

  async function inside(script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['exec', 'hello', '--', 'sh', '-euc', script]);
    if (exitCode !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
    return stdout.trim();
  }

  test('boots without a compiler, says which kernel it is, and loads what is asked for by itself', async () => {
    const { stdout, exitCode, stderr } = await sandbox.vmkit(['boot', 'hello', '--kernel', 'debian']);
    expect(stderr).not.toContain('error');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Linux \S+-cloud-amd64, Debian's, signed/);
    expect((await sandbox.vmkit(['status', 'hello'])).stdout).toMatch(/Linux \S+-cloud-amd64, Debian's, signed/);
    await inside('ls /dev/net/tun /dev/input/event0; modprobe dummy; ip link add d9 type dummy');
    const check = await sandbox.vmkit(['check-kernel', 'hello']);
    expect(check.stdout).not.toContain('lacking');
    expect(check.exitCode).toBe(0);
  });

  test('what does not work is told with its error, and is nothing that the guest cannot try', async () => {
    const loader = await inside('cat /proc/sys/kernel/modprobe; echo /bin/false >/proc/sys/kernel/modprobe');
    const broken = await sandbox.vmkit(['check-kernel', 'hello', '--live', '--profile', 'wireguard']);
    expect(broken.stdout).toMatch(/^fails +wireguard .*(not supported|Unknown device type)/m);
    expect(broken.exitCode).toBe(4);
    await inside(`echo ${loader} >/proc/sys/kernel/modprobe`);
    const traces = 'ls -d /sys/fs/cgroup/*live* /tmp/* 2>/dev/null || true; ip -o link; ip rule; nft list ruleset';
    const before = await inside(traces);
    const { stdout, exitCode } = await sandbox.vmkit(['check-kernel', 'hello', '--live']);
    expect(stdout).not.toContain('fails');
    expect(stdout).toMatch(/^works +masquerade/m);
    expect(stdout).toMatch(/^cannot tell +iptables .*no iptables in the guest$/m);
    expect(exitCode).toBe(0);
    expect(await inside(traces)).toBe(before);
  });

  test('a service that needs more than its limit is killed, alone, and status says so', async () => {
    await inside('touch /tmp/eat');
    const killed = await poll(
      async () => {
        const { stdout } = await sandbox.vmkit(['status', 'hello']);
        return /^ {2}greedy was killed: .*/m.exec(stdout)?.[0];
      },
      { withinMs: 120_000, everyMs: 1_000 },
    );
    expect(killed).toMatch(/out of memory \(limit 32 MiB\), \d+ times?$/);
    const { services } = Object(await sandbox.json(['status', 'hello']));
    expect(services.find(({ name }: { name: string }) => name === 'hello')).toMatchObject({ state: 'ready', ends: 0 });
    expect((await sandbox.vmkit(['logs', 'hello', 'greedy'])).stdout).toContain('out of memory (limit 32 MiB)');
    await sandbox.vmkit(['stop', 'hello']);
  });

  test('every option that a profile needs has its module, by name and as a file', async () => {
    const text = (file: string): Promise<string> => readFile(join(kernel.directory, file), 'utf8');
    const modules = new Set([...parseModulesDep(await text('modules.dep')).keys()].map(moduleName));
    const { verdicts } = judgeConfig(await text('config'), purposeNames([]), modules);
    expect(verdicts.flatMap(({ missing }) => missing)).toEqual([]);
  });

  test('the same in a folder is the same kernel', async () => {
    const folder = await asPackage(kernel, join(sandbox.folder, 'package'));
    const built = await sandbox.json(['build-image', 'hello', '--kernel', folder]);
    expect(built).toMatchObject({ kernel: { bytes: kernel.manifest.outputs['kernel']?.bytes } });
    const manifest: unknown = JSON.parse(await readFile(join(storeFolder(built), 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ outputs: kernel.manifest.outputs, facts: kernel.manifest.facts });
  });

  test('without its modules it is refused before anything starts, and every missing option is named', async () => {
    const alone = join(sandbox.folder, 'package/boot', `vmlinuz-${releaseOf(kernel)}`);
    const { stderr, exitCode } = await sandbox.vmkit(['boot', 'hello', '--kernel', alone]);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('VIRTIO_BLK: disks');
    expect(stderr).toContain('OVERLAY_FS: ');
    expect(stderr).not.toContain('EXT4_FS');
  });
});

function releaseOf({ manifest: { facts } }: Built): string {
  if (typeof facts !== 'object' || facts === null || !('release' in facts)) throw new Error('no release');
  return String(facts['release']);
}

function storeFolder(built: unknown): string {
  const path = JSON.stringify(built).match(/"path":"([^"]*)\/kernel"/)?.[1];
  if (path === undefined) throw new Error('no kernel');
  return path;
}

/** As `dpkg -x` leaves a package of a distribution. */
async function asPackage({ directory, ...built }: Built, folder: string): Promise<string> {
  const release = releaseOf({ directory, ...built });
  execFileSync('unsquashfs', ['-no-progress', '-quiet', '-d', folder, join(directory, 'modules.img')]);
  await mkdir(join(folder, 'boot'), { recursive: true });
  await copyFile(join(directory, 'kernel'), join(folder, 'boot', `vmlinuz-${release}`));
  return folder;
}
