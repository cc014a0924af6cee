export interface DebianPackage {
  readonly name: string;
  readonly version: string;
}

/** Name of the entry that stands for packages that were left out; it is no package. */
export const LEFT_OUT_PACKAGE = 'vmkit-left-out';

/** What is installed, by name, from the text of /var/lib/dpkg/status (deb-control(5) stanzas). */
export function parseDpkgStatus(status: string): DebianPackage[] {
  const packages = status.split(/\n{2,}/).flatMap((stanza) => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1];
    const [name, version] = [field('Package'), field('Version')];
    const isInstalled = field('Status') === 'install ok installed' && name !== LEFT_OUT_PACKAGE;
    return isInstalled && name !== undefined && version !== undefined ? [{ name, version }] : [];
  });
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** packages.txt: `NAME VERSION`, one a line. */
export function renderPackages(packages: readonly DebianPackage[]): string {
  return packages.map(({ name, version }) => `${name} ${version}\n`).join('');
}
