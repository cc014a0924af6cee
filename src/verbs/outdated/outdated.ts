import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { DEBIAN_SUITE, postgresOf, type Suite } from '../../core/suite.ts';
import { componentNames } from '../../image/components/component-choice.ts';
import { sourcesOf } from '../../image/components/component-sources.ts';
import { rootArtifact } from '../../image/root.ts';
import { chooseKernel, chosenArtifact } from '../../kernel/choose-kernel.ts';
import { kernelText } from '../../kernel/kernel-files.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { DEBIAN_ARCHITECTURES } from '../../store/mmdebstrap.ts';
import { findArtifact } from '../../store/store.ts';
import { isThere } from '../machine-name.ts';
import { buildContext, type VerbContext } from '../step.ts';
import { type DataVersions, dataVersions } from '../upgrade/data-versions.ts';
import { debianIndex, type PackageChange } from './newer-packages.ts';

export interface Outdated {
  readonly name: string;
  readonly suite: Suite;
  readonly root: {
    /** Undefined: not built yet, so the next boot takes what is newest. */
    readonly builtAt: string | undefined;
    readonly changes: readonly PackageChange[];
  };
  readonly kernel: {
    /** `Linux 6.12.48+deb13-cloud-amd64, Debian's, signed`; undefined: not built yet. */
    readonly is: string | undefined;
    /** Debian's newest of that kind; undefined: it is up to date, or nobody knows. */
    readonly newer: string | undefined;
  };
  /** Those that this vmkit would install in the place of what the data is of. */
  readonly components: readonly { readonly name: string; readonly version: string | undefined }[];
  /** What `vmkit upgrade` would change. */
  readonly data: readonly DataChange[];
}

export interface DataChange {
  readonly of: 'PostgreSQL' | 'Forgejo';
  readonly from: string;
  readonly to: string;
}

/** What of a machine is older than what Debian and vmkit have now. Changes nothing but vmkit's cache. */
export async function outdated(spec: VmSpec, verb: VerbContext): Promise<Outdated> {
  const context = buildContext(verb);
  const { name, arch, suite } = spec;
  const index = await debianIndex(suite, arch, verb);
  const root = await findArtifact(rootArtifact(spec), context);
  const status = root === undefined ? undefined : await statusOf(join(root.directory, 'root.img'), context);
  const disk = machinePaths(verb.paths, name).dataDisk;
  const known: DataVersions = (await isThere(disk, verb))
    ? await dataVersions(disk, verb)
    : { postgres: undefined, forgejo: undefined };
  const components = componentNames(spec).map((component) => ({
    name: component,
    version: versionOf(component, spec),
  }));
  return {
    name,
    suite,
    root: {
      builtAt: root?.manifest.builtAt,
      changes: status === undefined ? [] : await index.changes(status),
    },
    kernel: await kernelOf(spec, suite === DEBIAN_SUITE ? index : await debianIndex(DEBIAN_SUITE, arch, verb), context),
    components,
    data: dataChanges(known, spec, components.find((each) => each.name === 'forgejo')?.version),
  };
}

/** The list of packages in a root (squashfs-tools: unsquashfs -cat). */
async function statusOf(image: string, { host, signal }: VerbContext): Promise<string> {
  const { exitCode, stdout, stderr } = await host.exec(['unsquashfs', '-cat', image, 'var/lib/dpkg/status'], {
    withinMs: 120_000,
    signal,
  });
  if (exitCode === 0) return stdout;
  throw new VmkitError('build', 'root-unreadable', `${image} has no list of packages: ${stderr.trim()}`);
}

function versionOf(component: string, spec: VmSpec): string | undefined {
  const [first] = sourcesOf(component, spec);
  return first === undefined || first.kind === 'debian' ? undefined : first.version;
}

type Index = Awaited<ReturnType<typeof debianIndex>>;

async function kernelOf(spec: VmSpec, index: Index, context: VerbContext): Promise<Outdated['kernel']> {
  const chosen = await chooseKernel(spec, context);
  const built = await findArtifact(await chosenArtifact(chosen, spec.arch, context), context);
  if (built === undefined) return { is: undefined, newer: undefined };
  const is = kernelText(chosen, built);
  if (chosen.kind === 'path') return { is, newer: undefined };
  const cloud = `linux-image-cloud-${DEBIAN_ARCHITECTURES[spec.arch]}`;
  const newest =
    chosen.kind === 'debian'
      ? /linux-image-(\d\S*)/.exec(await index.dependsOf(cloud))?.[1]
      : await newestSource(is, index);
  return { is, newer: newest === undefined || is.startsWith(`Linux ${newest}`) ? undefined : newest };
}

/** The newest release of the series that vmkit's own kernel is of, as Debian has its source: `6.12.48`. */
async function newestSource(is: string, index: Index): Promise<string | undefined> {
  const series = /^Linux (\d+\.\d+)/.exec(is)?.[1];
  return (await index.version(`linux-source-${series}`))?.split('-')[0];
}

/** Pure. `forgejo` is the release that the machine would have. */
export function dataChanges(
  known: DataVersions,
  spec: Pick<VmSpec, 'suite' | 'services'>,
  forgejo: string | undefined,
): readonly DataChange[] {
  const has = (service: string): boolean => spec.services.some(({ name }) => name === service);
  const postgres = postgresOf(spec.suite);
  const minor = (version: string): string => version.split('.').slice(0, 2).join('.');
  return [
    ...(known.postgres === undefined || known.postgres === postgres || !has('postgres')
      ? []
      : [{ of: 'PostgreSQL' as const, from: String(known.postgres), to: String(postgres) }]),
    ...(known.forgejo === undefined || forgejo === undefined || minor(known.forgejo) === minor(forgejo)
      ? []
      : [{ of: 'Forgejo' as const, from: known.forgejo, to: forgejo }]),
  ];
}
