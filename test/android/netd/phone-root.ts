import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { isProgram, searchPath } from '../../../src/host/local/search-path.ts';
import { PHONE_APPLETS } from '../../../src/machine/phone/supervise-script.ts';
import type { namespace } from '../../support/namespaces.ts';

const FOLDERS = ['usr', 'dev', 'proc', 'sys', 'etc', 'run', 'tmp', 'system/bin', 'data/adb/service.d', 'apex'];

/** Why a phone cannot be played here, or undefined. */
export function whyNoPhone(): string | undefined {
  const folders = searchPath(process.env['PATH'] ?? '');
  const missing = ['mksh', 'toybox', 'nsenter', 'unshare'].filter((name) => !isProgram(name, folders));
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}: vmkit doctor --setup --all`;
}

/**
 * A namespace as a phone: its own root, where /system/bin has mksh as `sh`, of toybox no more than the applets that every release has and vmkit's scripts call, and the real ip and iptables.
 * Commands run there; files of /data are the root's. `getprop` is a stand-in.
 */
export async function phoneRoot(
  within: Awaited<ReturnType<typeof namespace>>,
  folder: string,
): Promise<Host & { readonly root: string }> {
  const root = join(folder, 'phone');
  for (const each of FOLDERS) await mkdir(join(root, each), { recursive: true });
  for (const each of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${each}`, join(root, each));
  const bin = (name: string): string => join(root, 'system/bin', name);
  for (const applet of [...PHONE_APPLETS, 'test', 'ls', 'sh-none']) {
    if (applet !== 'getprop' && applet !== 'sh-none') await symlink('/usr/bin/toybox', bin(applet));
  }
  await symlink('/usr/bin/mksh', bin('sh'));
  await symlink('/usr/sbin/ip', bin('ip'));
  await symlink('/usr/sbin/xtables-legacy-multi', bin('iptables'));
  await script(bin('getprop'), 'echo 1');
  // Phones have no NAT for IPv6.
  await script(bin('ip6tables'), `case "$*" in *'-t nat'*) exit 3 ;; esac\nexec /usr/sbin/ip6tables-legacy "$@"`);
  const mounts = ['usr', 'etc', 'dev', 'proc', 'sys']
    .map((each) => `mount --rbind /${each} ${join(root, each)}`)
    .join(' && ');
  const enter = `${mounts} && echo ready && exec chroot ${root} /usr/bin/sleep infinity`;
  const keeper = spawn('ip', ['netns', 'exec', within.namespace, 'unshare', '-m', 'sh', '-c', enter], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void keeper.kill('SIGKILL'));
  await once(keeper.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
  const local = localHost();
  const into = ['nsenter', '-t', String(keeper.pid), '-m', '-n', '-r', 'env', '-i', 'PATH=/system/bin'];
  // The root of the keeper is the phone's once it has changed it.
  const inside = (path: string): string => (path.startsWith('/data/') ? join(root, path) : path);
  const phone = {
    ...local,
    root,
    exec: (argv: readonly string[], options = {}) => local.exec([...into, ...argv], options),
    write: (path: string, ...rest: [string | Uint8Array, number?]) => local.write(inside(path), ...rest),
  };
  for (let tries = 0; tries < 200; tries++) {
    if ((await phone.exec(['/system/bin/test', '-e', '/data/adb'])).exitCode === 0) return phone;
  }
  throw new Error('The phone has no root of its own.');
}

async function script(path: string, body: string): Promise<void> {
  await writeFile(path, `#!/system/bin/sh\n# A stand-in of the test.\n${body}\n`);
  await chmod(path, 0o755);
}
