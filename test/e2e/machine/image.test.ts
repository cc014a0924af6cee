import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { archOf } from '../../../src/core/arch.ts';
import { packageRoot } from '../../../src/core/package-root.ts';
import { rootArtifact } from '../../../src/image/root.ts';
import { ensureArtifact } from '../../../src/store/store.ts';
import { contextIn } from '../../support/context.ts';
import { runAsThrowAwayUser } from '../../support/hosts/throw-away-user.ts';
import { useSandbox } from '../../support/machine.ts';
import { isAll } from '../../support/run/sampled.ts';

const file = z.object({ path: z.string(), bytes: z.number(), state: z.string() });
const result = z.object({ root: file, initramfs: file, packages: z.string() });

const sha256 = (path: string): string => execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);
/** What is in an image, one line an entry: `drwxr-xr-x root/root 123 2025-01-01 00:00 squashfs-root/etc`. */
const list = (image: string): string[] =>
  execFileSync('unsquashfs', ['-ll', image], { encoding: 'utf8', maxBuffer: 64e6 }).trim().split('\n');
const contentIn = (image: string, path: string): string =>
  execFileSync('unsquashfs', ['-cat', image, path], { encoding: 'utf8' });

/** Why no user can be made for a test, if so. */
function noUserBecause(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root: the other tests run as a user anyway';
  try {
    execFileSync('unshare', [
      '--mount',
      'setpriv',
      '--reuid=61234',
      '--clear-groups',
      'unshare',
      '--user',
      'test',
      '-r',
      packageRoot(),
    ]);
    return undefined;
  } catch {
    return `no user namespaces here, or ${packageRoot()} is closed to other users`;
  }
}

describe.sequential('build-image', () => {
  const sandbox = useSandbox();

  test('sql: a small root without documentation, LLVM, perl, secrets or traces of this host', async () => {
    const { root, packages } = result.parse(await sandbox.json(['build-image', 'sql']));
    expect(root.bytes).toBeLessThan(150e6);
    const entries = list(root.path);
    expect(entries.find((line) => line.endsWith(' squashfs-root'))).toMatch(/^drwxr-xr-x root\/root/);
    const unwanted =
      /^squashfs-root\/(usr\/share\/(doc|man|locale|info)\/.|usr\/share\/perl\/|.*(LLVM|llvmjit|libz3|systemd\/systemd$|\.deb$)|etc\/ssl\/private\/.|.*host_key|var\/lib\/apt\/lists\/.+_|var\/log\/.*\.log$)/;
    const paths = entries.map((line) => line.slice(line.indexOf('squashfs-root')).split(' -> ')[0] ?? '');
    expect(paths.filter((path) => unwanted.test(path))).toEqual([]);
    for (const wanted of [
      'lib/postgresql/17/bin/postgres',
      'bin/psql',
      'bin/s6-svscan',
      'sbin/dropbear',
      'sbin/e2fsck',
      'sbin/nft',
    ]) {
      expect(paths.includes(`squashfs-root/usr/${wanted}`), wanted).toBe(true);
    }
    expect(contentIn(root.path, 'etc/hostname')).toBe('vmkit\n');
    expect(contentIn(root.path, 'etc/machine-id')).toBe('');
    expect(paths).not.toContain('squashfs-root/etc/resolv.conf');
    expect(readFileSync(packages, 'utf8')).toMatch(/^postgresql-17 17\./m);
    expect(await sandbox.json(['build-image', 'sql'])).toMatchObject({
      root: { state: 'cached' },
      initramfs: { state: 'cached' },
    });
  });

  test('the same inputs give the same digest, as root and as a user without rights', async (context) => {
    const reason = noUserBecause();
    if (reason !== undefined) console.warn(`SKIPPED: image as another user: ${reason}`);
    context.skip(reason !== undefined, reason);
    const folder = mkdtempSync(join(tmpdir(), 'vmkit-user-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    execFileSync('chmod', ['755', folder]);
    const definition = join(folder, 'vm.yaml');
    writeFileSync(
      definition,
      'name: tiny\nkernel: debian\nmemory: 256MiB\ndata: 1GiB\nservices:\n  - { name: idle, run: exec sleep infinity, ready: { check: "true" } }\n',
    );
    const build = ['build-image', definition, '--json'];
    // By root, for this test or another one before it.
    const mine = await sandbox.vmkit(build);
    expect(mine.exitCode, mine.stderr).toBe(0);
    const home = join(folder, 'home');
    const env = { XDG_CACHE_HOME: join(home, 'cache'), XDG_DATA_HOME: home, XDG_STATE_HOME: home };
    const theirs = await runAsThrowAwayUser(home, [process.execPath, sandbox.program, ...build], env);
    expect(theirs.exitCode, theirs.stderr).toBe(0);
    const [a, b] = [mine, theirs].map(({ stdout }) => result.parse(JSON.parse(stdout)));
    expect(statSync(b?.root.path ?? '').uid).not.toBe(0);
    for (const kind of ['root', 'initramfs'] as const) {
      expect(sha256(b?.[kind].path ?? ''), kind).toBe(sha256(a?.[kind].path ?? ''));
    }
  });

  test.skipIf(!isAll)(
    'for another processor (VMKIT_TEST_ALL=1): the very bytes that full emulation makes',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vmkit-foreign-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const context = contextIn(folder);
      const other = archOf((await context.host.facts()).machine) === 'arm64' ? 'x86_64' : 'arm64';
      const spec = { arch: other, packages: ['postgresql-17'], services: [], suite: 'trixie' } as const;
      const accelerated = await ensureArtifact(rootArtifact(spec), context);
      const facts = await context.host.facts();
      const host = { ...context.host, facts: async () => ({ ...facts, machine: other }) };
      const emulated = await ensureArtifact(rootArtifact(spec), { ...context, host }, { rebuild: true });
      expect(emulated.manifest.outputs).toEqual(accelerated.manifest.outputs);
    },
  );
});
