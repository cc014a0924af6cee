import type { Arch } from '../../core/arch.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';

/** One way to an executable that vmkit installs beside Debian. */
export type ComponentSource =
  | {
      readonly kind: 'release';
      readonly version: string;
      /** The file, or a gzipped tar archive that holds it. */
      readonly url: (arch: Arch) => string;
      /** What is appended to the URL for the publisher's checksum. */
      readonly checksum: '.sha256';
      /** The executable's path in the archive; undefined: the file is the executable. */
      readonly member: ((arch: Arch) => string) | undefined;
    }
  | { readonly kind: 'debian'; readonly package: string; readonly path: string }
  | { readonly kind: 'go'; readonly module: string; readonly version: string };

/** Go's name of a guest's architecture, which publishers use, too. */
export const GO_ARCHITECTURES = { x86_64: 'amd64', arm64: 'arm64' } as const;

/** Of the long-term series 15, supported until July 2027. Codeberg's list of releases has it, of 2026-06-10. */
const FORGEJO = '15.0.3';
/** Go's module proxy has it, too. */
const TAILSCALE = '1.98.2';

function tailscale(name: string): readonly ComponentSource[] {
  const folder = (arch: Arch): string => `tailscale_${TAILSCALE}_${GO_ARCHITECTURES[arch]}`;
  return [
    {
      kind: 'release',
      version: TAILSCALE,
      url: (arch) => `https://pkgs.tailscale.com/stable/${folder(arch)}.tgz`,
      checksum: '.sha256',
      member: (arch) => `${folder(arch)}/${name}`,
    },
    { kind: 'debian', package: 'tailscale', path: `usr/${name === 'tailscaled' ? 'sbin' : 'bin'}/${name}` },
    { kind: 'go', module: `tailscale.com/cmd/${name}`, version: `v${TAILSCALE}` },
  ];
}

/** As Debian trixie has it, 1.9: certificates of version 1, which a newer Nebula takes, too. Go's module proxy has this one of that series. */
const NEBULA = '1.9.5';

function nebula(name: string): readonly ComponentSource[] {
  return [
    { kind: 'debian', package: 'nebula', path: `usr/bin/${name}` },
    { kind: 'go', module: `github.com/slackhq/nebula/cmd/${name}`, version: `v${NEBULA}` },
  ];
}

/** As the runner's own examples name it (examples/docker-compose of its repository, December 2025). */
const FORGEJO_RUNNER = '12.0.1';

/** A release as Forgejo's publishers name it: the executable itself. `place` is the repository. */
function release(place: string, name: string, version: string): ComponentSource {
  return {
    kind: 'release',
    version,
    url: (arch) => `https://${place}/releases/download/v${version}/${name}-${version}-linux-${GO_ARCHITECTURES[arch]}`,
    checksum: '.sha256',
    member: undefined,
  };
}

function forgejo(version: string): readonly ComponentSource[] {
  return [
    release('codeberg.org/forgejo/forgejo', 'forgejo', version),
    { kind: 'debian', package: 'forgejo', path: 'usr/bin/forgejo' },
  ];
}

/**
 * Where a component comes from, in the order of trying; one that is not in the table can only be given. Debian trixie has neither
 * Forgejo nor Tailscale: those sources are for the day it does. Nebula's programs are for this host; a guest has Debian's package. Forgejo cannot be had by `go install`: its web pages are not part of its Go module.
 */
export const COMPONENT_SOURCES: Readonly<Record<string, readonly ComponentSource[]>> = {
  forgejo: forgejo(FORGEJO),
  'forgejo-runner': [release('code.forgejo.org/forgejo/runner', 'forgejo-runner', FORGEJO_RUNNER)],
  nebula: nebula('nebula'),
  'nebula-cert': nebula('nebula-cert'),
  tailscale: tailscale('tailscale'),
  tailscaled: tailscale('tailscaled'),
};

/** The same for a machine: a release that its definition asks for comes from its publisher alone. */
export function sourcesOf(name: string, { services }: Pick<VmSpec, 'services'>): readonly ComponentSource[] {
  const version = services.flatMap(({ componentVersions }) => componentVersions?.[name] ?? [])[0];
  if (name !== 'forgejo' || version === undefined) return COMPONENT_SOURCES[name] ?? [];
  return forgejo(version).filter(({ kind }) => kind === 'release');
}

/** `release 15.0.3`, `Debian package tailscale`, `go install tailscale.com/cmd/tailscale@v1.98.2`. */
export function sourceTitle(source: ComponentSource): string {
  switch (source.kind) {
    case 'release':
      return `release ${source.version}`;
    case 'debian':
      return `Debian package ${source.package}`;
    case 'go':
      return `go install ${source.module}@${source.version}`;
  }
}
