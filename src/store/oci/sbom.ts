/** What a root file system consists of, as SPDX 2.3 in JSON. `packages` has a line `NAME VERSION` for each package of Debian; `created` is ISO 8601. */
export function spdxOf(name: string, packages: string, arch: string, created: string, namespace: string): object {
  const listed = packages.split('\n').flatMap((line) => {
    const [, package_ = '', version = ''] = /^(\S+)\s+(\S+)/.exec(line) ?? [];
    return package_ === '' ? [] : [{ package_, version }];
  });
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: namespace,
    creationInfo: { created: created.replace(/\.\d+Z$/, 'Z'), creators: ['Tool: vmkit'] },
    packages: listed.map(({ package_, version }) => ({
      SPDXID: `SPDXRef-${package_.replace(/[^A-Za-z0-9.-]/g, '-')}`,
      name: package_,
      versionInfo: version,
      downloadLocation: 'NOASSERTION',
      filesAnalyzed: false,
      externalRefs: [
        {
          referenceCategory: 'PACKAGE-MANAGER',
          referenceType: 'purl',
          referenceLocator: `pkg:deb/debian/${encodeURIComponent(package_)}@${encodeURIComponent(version)}?arch=${arch}`,
        },
      ],
    })),
    relationships: listed.map(({ package_ }) => ({
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: `SPDXRef-${package_.replace(/[^A-Za-z0-9.-]/g, '-')}`,
    })),
  };
}
