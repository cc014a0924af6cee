import { VmkitError } from '../../core/errors/errors.ts';
import type { Context } from '../context.ts';
import type { Host, HostFacts } from '../host.ts';
import type { PackageManager, Tool } from './tools-table.ts';

const PROGRAMS: Readonly<Record<PackageManager, string>> = { apt: 'apt-get', dnf: 'dnf', pacman: 'pacman', apk: 'apk' };

/** os-release(5) ID and ID_LIKE → manager. */
const DISTRIBUTIONS: Readonly<Record<string, PackageManager>> = {
  debian: 'apt',
  ubuntu: 'apt',
  fedora: 'dnf',
  rhel: 'dnf',
  centos: 'dnf',
  arch: 'pacman',
  alpine: 'apk',
};

/**
 * The package manager of this host. The distribution's name decides: on Fedora or Arch, apt-get may be there only because
 * mmdebstrap needs it. Without a known name, whichever manager is there, apt last.
 */
export async function findManager(host: Pick<Host, 'read' | 'programs'>): Promise<PackageManager | undefined> {
  const osRelease = await readOsRelease(host);
  const ids = ['ID', 'ID_LIKE'].flatMap((key) => {
    const value = new RegExp(`^${key}=["']?([^"'\\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
    return value.split(' ');
  });
  const named = ids.map((id) => DISTRIBUTIONS[id]).find((manager) => manager !== undefined);
  const programs = await host.programs(Object.values(PROGRAMS));
  const isHere = (manager: PackageManager): boolean => programs.has(PROGRAMS[manager]);
  const order: readonly PackageManager[] = ['dnf', 'pacman', 'apk', 'apt'];
  return named !== undefined && isHere(named) ? named : order.find(isHere);
}

/** The one command that installs these tools; empty when none of them has a package. Without root it starts with sudo. */
export function installCommand(missing: readonly Tool[], manager: PackageManager, isRoot: boolean): readonly string[] {
  const packages = [...new Set(missing.flatMap((tool) => tool.packages[manager] ?? []))].sort();
  if (packages.length === 0) return [];
  const commands: Readonly<Record<PackageManager, readonly string[]>> = {
    apt: ['apt-get', 'install', '--no-install-recommends', '--yes'],
    dnf: ['dnf', 'install', '--setopt=install_weak_deps=False', '--assumeyes'],
    pacman: ['pacman', '-S', '--needed', '--noconfirm'],
    apk: ['apk', 'add'],
  };
  return [...(isRoot ? [] : ['sudo']), ...commands[manager], ...packages];
}

/** Installs what has a package. Never asks: without root it needs a sudo that asks for no password. */
export async function installMissing(
  missing: readonly Tool[],
  manager: PackageManager,
  facts: HostFacts,
  context: Context,
): Promise<void> {
  const install = installCommand(missing, manager, true);
  if (install.length === 0) return;
  if (manager === 'apt') {
    // Waits for another apt, such as the nightly upgrade, in place of failing (apt.conf(5)).
    const wait = ['-o', 'DPkg::Lock::Timeout=300'];
    await run(['apt-get', 'update', ...wait], manager, facts, context, missing);
    await run([...install, ...wait], manager, facts, context, missing);
  } else await run(install, manager, facts, context, missing);
}

async function run(
  argv: readonly string[],
  manager: PackageManager,
  facts: HostFacts,
  context: Context,
  missing: readonly Tool[],
): Promise<void> {
  const text = argv.join(' ');
  context.report({ kind: 'phase', text });
  const asRoot = facts.isRoot ? [] : ['sudo', '-n'];
  const { exitCode, stdout, stderr } = await context.host.exec(
    [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', ...argv],
    { signal: context.signal, withinMs: 1_800_000, onLine: (line) => context.report({ kind: 'phase', text: line }) },
  );
  if (exitCode === 0) return;
  throw new VmkitError(
    'tool',
    'install-failed',
    `${text} failed with exit code ${exitCode}: ${lastLines(stderr) || lastLines(stdout)}`,
    { hint: `Install by hand: ${installCommand(missing, manager, facts.isRoot).join(' ')}` },
  );
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join('\n');
}

async function readOsRelease(host: Pick<Host, 'read'>): Promise<string> {
  // os-release(5): the second is the default of the first.
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    const bytes = await host.read(file);
    if (bytes !== undefined) return Buffer.from(bytes).toString('utf8');
  }
  return '';
}
