import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Suite } from '../../core/suite.ts';
import { withLock } from '../../host/with-lock.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { DEBIAN_ARCHITECTURES, debianLines } from '../../store/mmdebstrap.ts';
import { buildContext, runStep, type VerbContext } from '../step.ts';

/** What apt would do to a root's packages. `from` is absent for one that would come in addition. */
export interface PackageChange {
  readonly name: string;
  readonly from?: string;
  readonly to: string;
  /** From Debian's archive of security updates. */
  readonly isSecurity: boolean;
}

/** Pure: the lines of `apt-get --simulate`, `Inst libc6 [2.41-12] (2.41-12+deb13u1 Debian-Security:13/stable-security [amd64])`. */
export function parseSimulation(text: string): readonly PackageChange[] {
  return text.split('\n').flatMap((line) => {
    const [, name, from, to, origin] = /^Inst (\S+)(?: \[([^\]]+)\])? \((\S+) ([^[]*)/.exec(line) ?? [];
    if (name === undefined || to === undefined || origin === undefined) return [];
    return [{ name, ...(from === undefined ? {} : { from }), to, isSecurity: /security/i.test(origin) }];
  });
}

interface Index {
  /** What a root with this `dpkg status` would be given. */
  readonly changes: (status: string) => Promise<readonly PackageChange[]>;
  /** The version of a package now; undefined: there is none. */
  readonly version: (name: string) => Promise<string | undefined>;
  /** What it depends on, as deb-control(5) has it. */
  readonly dependsOf: (name: string) => Promise<string>;
}

const OFFLINE_MS = 120_000;

/**
 * A release's packages as they are now: apt's own lists, in a folder of vmkit's cache, asked by apt's own solver. It changes nothing of this computer's apt. apt checks
 * the archive's signature. Throws `debian-unreachable`.
 */
export async function debianIndex(suite: Suite, arch: VmSpec['arch'], verb: VerbContext): Promise<Index> {
  const context = buildContext(verb);
  const { host, paths, signal } = context;
  const folder = join(paths.cache, 'apt', `${suite}-${arch}`);
  const emptyStatus = join(folder, 'status');
  const apt = (program: string, status: string): string[] => [
    program,
    ...['-o', `APT::Architecture=${DEBIAN_ARCHITECTURES[arch]}`, '-o', 'APT::Architectures::='],
    ...['-o', `Dir::Etc=${folder}/etc`, '-o', `Dir::State=${folder}`, '-o', `Dir::Cache=${folder}/cache`],
    ...['-o', `Dir::State::status=${status}`, '-o', 'Acquire::Languages=none', '-o', 'APT::Sandbox::User=root'],
    ...['-o', 'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false', '-o', 'Debug::NoLocking=true'],
    // apt would install itself: apt-pkg/pkgcachegen.cc.
    ...['-o', 'pkgCacheGen::ForceEssential=,'],
  ];
  const run = async (argv: readonly string[], withinMs: number): Promise<string> => {
    const { exitCode, stdout, stderr } = await host.exec(argv, { withinMs, signal, env: { LC_ALL: 'C' } });
    if (exitCode === 0) return stdout;
    const said = stderr.trim().split('\n').slice(-5).join('\n');
    throw new VmkitError('host', 'debian-unreachable', `Asking apt for Debian ${suite}: ${said}`, {
      hint: 'Check the network; behind a proxy set http_proxy and https_proxy.',
    });
  };
  await withLock(join(folder, 'lock'), 'vmkit outdated', context, async () => {
    for (const part of ['etc/apt.conf.d', 'etc/preferences.d', 'lists/partial', 'cache/archives/partial']) {
      await host.makeFolder(join(folder, part), 0o755);
    }
    await host.write(join(folder, 'etc', 'sources.list'), `${debianLines(suite).join('\n')}\n`);
    await host.write(emptyStatus, '');
    await runStep(
      {
        title: `packages of Debian ${suite}`,
        run: async () => run([...apt('apt-get', emptyStatus), '-qq', '--error-on=any', 'update'], 1_800_000),
      },
      context,
    );
  });
  return {
    changes: async (status) => {
      const file = join(folder, 'asked');
      await host.write(file, status);
      return parseSimulation(
        await run([...apt('apt-get', file), '--simulate', '--no-install-recommends', 'dist-upgrade'], OFFLINE_MS),
      );
    },
    version: async (name) => {
      const said = await run([...apt('apt-cache', emptyStatus), 'policy', name], OFFLINE_MS);
      const version = /^ {2}Candidate: (\S+)$/m.exec(said)?.[1];
      return version === '(none)' ? undefined : version;
    },
    dependsOf: async (name) => {
      const said = await run([...apt('apt-cache', emptyStatus), 'show', '--no-all-versions', name], OFFLINE_MS);
      return /^Depends: (.*)$/m.exec(said)?.[1] ?? '';
    },
  };
}
