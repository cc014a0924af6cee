import { llvmOf } from '../core/suite.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { LEFT_OUT_PACKAGE } from './packages.ts';

/** What every guest holds beside its services' packages: supervision, file system repair, network, time zones. */
const BASE_PACKAGES = ['ca-certificates', 'e2fsprogs', 'execline', 'iproute2', 'netbase', 'nftables', 's6', 'tzdata'];

/**
 * Packages that others depend on and that a guest runs without, with the version that satisfies every dependency on them.
 * One that a definition names itself is installed.
 * - locales: C.UTF-8 is part of libc.
 * - postgresql-common and -client-common: Debian's cluster scripts, and perl for them. vmkit runs the server itself.
 * - ssl-cert: generates a TLS key when it is installed; a secret has no place in an image.
 */
const LEFT_OUT: Readonly<Record<string, string>> = {
  locales: '99:0',
  'postgresql-client-common': '999',
  'postgresql-common': '999',
  'ssl-cert': '99',
};

export interface RootRecipe {
  /** Sorted, each once. */
  readonly packages: readonly string[];
  /** Runs once Debian's essential packages are there, with the root's folder as $1. */
  readonly essentialHook: string;
  /** Runs after all packages are installed, with the root's folder as $1. */
  readonly customizeHook: string;
}

/** The packages of a machine's root, and what is done beside installing them. Pure. */
export function rootRecipe(spec: Pick<VmSpec, 'packages' | 'services' | 'suite' | 'olderSuite'>): RootRecipe {
  const wanted = [...BASE_PACKAGES, ...spec.packages, ...spec.services.flatMap((service) => service.packages)];
  const packages = [...new Set(wanted)].sort();
  const { suite, olderSuite = suite } = spec;
  const llvm = [llvmOf(suite), llvmOf(olderSuite)].flatMap((name): [string, string][] =>
    name === undefined ? [] : [[name, '99:0']],
  );
  const leftOut = Object.entries({ ...Object.fromEntries(llvm), ...LEFT_OUT }).filter(
    ([name]) => !packages.includes(name),
  );
  return { packages, essentialHook: leaveOut(leftOut), customizeHook: NEUTRALIZE };
}

/** Tells dpkg of an installed package that provides those left out (deb-control(5), Provides), and answers PostgreSQL's installation scripts. */
function leaveOut(names: readonly (readonly [name: string, version: string])[]): string {
  const provides = names.map(([name, version]) => `${name} (= ${version})`).join(', ');
  return `set -eu
cat >> "$1/var/lib/dpkg/status" <<'EOF'

Package: ${LEFT_OUT_PACKAGE}
Status: install ok installed
Maintainer: vmkit
Architecture: all
Version: 1
Provides: ${provides}
Description: stands in for packages that a guest runs without

EOF
: > "$1/var/lib/dpkg/info/${LEFT_OUT_PACKAGE}.list"
mkdir -p "$1/usr/share/postgresql-common"
cat > "$1/usr/share/postgresql-common/maintscripts-functions" <<'EOF'
configure_version() { :; }
configure_client_version() { :; }
EOF
`;
}

/** Takes away documentation and what names the builder's host. PostgreSQL's programs get names on the PATH. */
const NEUTRALIZE = `set -eu
cd "$1"
rm -rf usr/share/doc/* usr/share/doc-base usr/share/info/* usr/share/man/* usr/share/locale/* usr/share/lintian usr/share/bug
rm -rf usr/lib/postgresql/*/lib/bitcode usr/lib/postgresql/*/lib/llvmjit*
rm -rf var/cache/debconf/* etc/ssh/ssh_host_*
for program in usr/lib/postgresql/*/bin/*; do
  if [ -x "$program" ]; then ln -sf "../../$program" usr/bin/; fi
done
: > etc/machine-id
echo vmkit > etc/hostname
chmod 644 etc/hostname
rm -f etc/resolv.conf
`;
