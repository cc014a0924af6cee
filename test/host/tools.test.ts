import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Context } from '../../src/host/context.ts';
import type { HostFacts } from '../../src/host/host.ts';
import { localHost } from '../../src/host/local/local.ts';
import { findMissing, howToInstall, requireTools, toolsOf } from '../../src/host/tools/tools.ts';
import { findManager, installCommand } from '../../src/host/tools/tools-install.ts';
import { TOOLS } from '../../src/host/tools/tools-table.ts';
import { contextIn } from '../support/context.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root: HostFacts = { machine: 'x86_64', cpus: 2, isRoot: true };
const user: HostFacts = { ...root, isRoot: false };

const names = (tools: readonly { name: string }[]): string[] => tools.map((tool) => tool.name);

/** A folder of programs that do what their script says; the only folder on PATH, but for administrators' ones. */
async function programs(scripts: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  vi.stubEnv('PATH', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  return folder;
}

/** As a host with this os-release(5) and only this folder of programs says. */
function managerOf(osRelease: string, path: string): ReturnType<typeof findManager> {
  vi.stubEnv('PATH', path);
  return findManager({ ...localHost(), read: async () => Buffer.from(osRelease) });
}

function contextOf(folder: string, facts: HostFacts): Context {
  const context = contextIn(folder);
  return { ...context, host: { ...context.host, facts: async () => facts } };
}

test('every tool can be installed on Debian, or says what else to do', () => {
  expect(names(TOOLS.filter((tool) => tool.packages.apt === undefined && tool.byHand === undefined))).toEqual([]);
  for (const manager of ['dnf', 'pacman', 'apk'] as const) {
    expect(names(TOOLS.filter((tool) => tool.packages[manager] === undefined && tool.byHand === undefined))).toEqual(
      [],
    );
  }
  expect(new Set(names(TOOLS)).size).toBe(TOOLS.length);
});

test('all that is missing is found at once', async () => {
  const folder = await programs({ gcc: '', make: '' });
  await writeFile(join(folder, 'bison'), 'no execute permission', { mode: 0o644 });
  const missing = names(await findMissing(['kernel', 'machine-x86_64'], localHost()));
  expect(missing).toEqual(expect.arrayContaining(['flex', 'bison', 'bc', 'qemu-system-x86_64']));
  expect(missing).not.toContain('gcc');
});

test("administrators' folders are searched, though a user's PATH lacks them", async () => {
  const lacksMke2fs = async (path: string): Promise<boolean> => {
    vi.stubEnv('PATH', path);
    return names(await findMissing(['image'], localHost())).includes('mke2fs');
  };
  expect(await lacksMke2fs('/usr/bin:/bin')).toBe(await lacksMke2fs('/usr/bin:/bin:/usr/sbin:/sbin'));
});

test('what a host needs depends on its processor and on who asks', () => {
  const cross = (machine: string) => names(toolsOf(['kernel-arm64', 'kernel-x86_64'], { ...root, machine }));
  expect(cross('x86_64')).toEqual(['aarch64-linux-gnu-gcc']);
  expect(cross('aarch64')).toEqual(['x86_64-linux-gnu-gcc']);
  const onlyUsers = names(toolsOf(['debian'], user)).filter((name) => !names(toolsOf(['debian'], root)).includes(name));
  expect(onlyUsers).toEqual([
    'newuidmap',
    'subordinate user ids',
    'subordinate group ids',
    'user namespaces without root',
  ]);
});

test('one exact command per manager', async () => {
  const missing = toolsOf(['kernel', 'debian', 'machine-arm64'], user);
  const commands = (['apt', 'dnf', 'pacman', 'apk'] as const).flatMap((manager) => [
    `# ${manager}`,
    installCommand(missing, manager, true).join(' '),
    ...howToInstall(missing, manager, user).map((line) =>
      line.replace(/ids 100000-165535 .*/, 'ids 100000-165535 USER'),
    ),
  ]);
  const without = ['# no package manager', ...howToInstall(toolsOf(['machine-x86_64'], root), undefined, root)];
  await expect(`${[...commands, ...without].join('\n')}\n`).toMatchFileSnapshot('../golden/install-commands.txt');
});

test("the distribution's own manager is taken, though apt-get is there for mmdebstrap", async () => {
  const path = await programs({ 'apt-get': '', dnf: '' });
  expect(await managerOf('NAME="Fedora Linux"\nID=fedora\n', path)).toBe('dnf');
  expect(await managerOf('ID="ubuntu"\nID_LIKE=debian\n', path)).toBe('apt');
  expect(await managerOf('ID=linuxmint\nID_LIKE="ubuntu debian"\n', path)).toBe('apt');
  expect(await managerOf('ID=unheard-of\n', path)).toBe('dnf');
  expect(await managerOf('ID=arch\n', await programs({ 'apt-get': '' }))).toBe('apt');
  expect(await managerOf('ID=debian\n', await temporaryFolder())).toBeUndefined();
});

test('without setup, the error names all that is missing and the command', async () => {
  await programs({ 'apt-get': '' });
  const context = contextOf(await temporaryFolder(), user);
  await expect(requireTools(['machine-x86_64', 'tests'], context)).rejects.toMatchObject({
    code: 'tools-missing',
    exitCode: 3,
    message: expect.stringMatching(/flock.*qemu-system-x86_64.*git.*run x86_64 machines/),
    hint: expect.stringMatching(
      /^sudo apt-get install --no-install-recommends --yes bash busybox-static chromium coreutils cpio distcc docker-registry gawk git (iptables )?libvirt-clients (libvirt-daemon )?libvirt-daemon-driver-qemu libxml2-utils (openssh-server )?qemu-system-x86 shellcheck systemd uidmap util-linux xorriso$/,
    ),
  });
});

test('setup refreshes the lists, installs, and looks again', async () => {
  // The stand-in for apt-get notes its arguments and makes what the packages would bring.
  const folder = await programs({
    'apt-get':
      'echo "$DEBIAN_FRONTEND $*" >> "$0.log"; cd "${0%/*}"; case $1 in install) for p in flock setpriv setsid truncate awk bash git cpio distccd iptables chromium newgidmap sshd busybox shellcheck libvirtd virt-qemu-run virsh xmllint xorrisofs systemd-analyze docker-registry; do echo > $p; /bin/chmod +x $p; done;; esac',
  });
  await symlink('/usr/bin/env', join(folder, 'env'));
  await symlink('/bin/sh', join(folder, 'qemu-system-x86_64'));
  const context = contextOf(await temporaryFolder(), root);
  await requireTools(['machine-x86_64', 'tests'], context, { setup: true });
  // iptables is for administrators: where it is installed it is found, whatever PATH says.
  expect(await readFile(join(folder, 'apt-get.log'), 'utf8')).toMatch(
    /^noninteractive update -o DPkg::Lock::Timeout=300\nnoninteractive install --no-install-recommends --yes bash busybox-static chromium coreutils cpio distcc docker-registry gawk git (iptables )?libvirt-clients (libvirt-daemon )?libvirt-daemon-driver-qemu libxml2-utils (openssh-server )?shellcheck systemd uidmap util-linux xorriso -o DPkg::Lock::Timeout=300\n$/,
  );
});

test('an installation that brings nothing is not taken for success', async () => {
  const folder = await programs({ 'apt-get': '' });
  await symlink('/usr/bin/env', join(folder, 'env'));
  const context = contextOf(await temporaryFolder(), root);
  await expect(requireTools(['tests'], context, { setup: true })).rejects.toMatchObject({ code: 'tools-missing' });
});

test('a sudo that asks for a password is not waited for: the command is told', async () => {
  await programs({ 'apt-get': '', sudo: 'echo "sudo: a password is required" >&2; exit 1' });
  const context = contextOf(await temporaryFolder(), user);
  await expect(requireTools(['tests'], context, { setup: true })).rejects.toMatchObject({
    code: 'install-failed',
    message: expect.stringContaining('a password is required'),
    hint: expect.stringContaining(
      'sudo apt-get install --no-install-recommends --yes busybox-static chromium cpio distcc docker-registry git',
    ),
  });
});
