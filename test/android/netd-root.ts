import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { poll } from '../../src/core/deadline.ts';
import type { Host } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local/local.ts';
import { PHONE_APPLETS } from '../../src/machine/phone/supervise-script.ts';
import type { namespace } from '../support/hosts/namespaces.ts';
import { phoneRoot } from './phone-root.ts';

/** Beside the scripts' own: what vmkit runs there itself, and what the test asks. */
const ASKED = ['ls', 'test', 'env', 'mktemp', 'printf'];

/**
 * A network namespace with the root of a phone: mksh as `sh`, of toybox no more than the scripts say that they call, the real ip and iptables. `getprop`
 * is a stand-in, and so is a kernel without NAT for IPv6. Its /data is `data` in `folder`.
 */
export async function phoneIn(
  within: Awaited<ReturnType<typeof namespace>>,
  folder: string,
): Promise<Host & { readonly root: string }> {
  const base = await phoneRoot();
  const root = join(folder, 'root');
  for (const each of ['root', 'bin', 'data/adb/service.d']) await mkdir(join(folder, each), { recursive: true });
  const bin = (name: string): string => join(folder, 'bin', name);
  await symlink('/usr/bin/mksh', bin('sh'));
  for (const applet of [...PHONE_APPLETS.filter((each) => each !== 'getprop'), ...ASKED])
    await symlink('/usr/bin/toybox', bin(applet));
  await symlink('/usr/sbin/ip', bin('ip'));
  const iptables = (program: string): string =>
    `export XTABLES_LOCKFILE=/data/xtables.lock\nexec /usr/sbin/xtables-legacy-multi ${program} "$@"`;
  // Before anybody looks at what is there: iptables leaves it.
  await writeFile(join(folder, 'data/xtables.lock'), '');
  await script(bin('getprop'), 'echo 1');
  await script(bin('iptables'), iptables('iptables'));
  await script(bin('ip6tables'), `case "$*" in *'-t nat'*) exit 3 ;; esac\n${iptables('ip6tables')}`);
  const mounts = [
    `mount --bind ${base} ${root}`,
    `mount --bind ${join(folder, 'bin')} ${root}/system/bin`,
    `mount --bind ${join(folder, 'data')} ${root}/data`,
    ...['dev', 'proc', 'sys'].map((each) => `mount --rbind /${each} ${root}/${each}`),
  ];
  const enter = `${mounts.join(' && ')} && echo ready && exec sleep infinity`;
  const keeper = spawn('ip', ['netns', 'exec', within.namespace, 'unshare', '-m', 'sh', '-c', enter], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void keeper.kill('SIGKILL'));
  await once(keeper.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
  const local = localHost();
  const into = [
    'nsenter',
    '-t',
    String(keeper.pid),
    '-m',
    '-n',
    'chroot',
    root,
    '/system/bin/env',
    '-i',
    'PATH=/system/bin',
  ];
  const phone = {
    ...local,
    root: folder,
    exec: (argv: readonly string[], options = {}) => local.exec([...into, ...argv], options),
    write: (path: string, ...rest: [string | Uint8Array, number?]) =>
      local.write(path.startsWith('/data/') ? join(folder, path) : path, ...rest),
  };
  const isThere = async (): Promise<true | undefined> =>
    (await phone.exec(['test', '-e', '/data/adb'])).exitCode === 0 ? true : undefined;
  if ((await poll(isThere, { withinMs: 20_000, everyMs: 50 })) === undefined)
    throw new Error('The phone has no root of its own.');
  return phone;
}

async function script(path: string, body: string): Promise<void> {
  await writeFile(path, `#!/system/bin/sh\n# A stand-in of the test.\n${body}\n`);
  await chmod(path, 0o755);
}
