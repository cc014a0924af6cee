/** The direction of the flow, as docs/decisions.md describes it. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: [from, ...allowed].map((folder) => `^src/${folder}/`) },
});
const libraryOnlyIn = (library, folders) => ({
  name: `${library}-stays-in-its-place`,
  severity: 'error',
  from: { path: '^src/', pathNot: folders.map((folder) => `^src/${folder}`) },
  to: { path: `node_modules/${library}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only('core-imports-nothing', 'core', []),
    only('host-imports-core', 'host', ['core']),
    only('build-imports-core-and-host', 'build', ['core', 'host']),
    only('spec-imports-core', 'spec', ['core', 'host']),
    ...['kernel', 'image', 'init', 'machine'].map((part) =>
      only(`${part}-stands-alone`, part, ['core', 'spec', 'host', 'build']),
    ),
    libraryOnlyIn('yargs', ['cli/', 'main.ts']),
    libraryOnlyIn('listr2', ['cli/']),
    // Who starts a process says which variables it gets: child-environment.ts.
    libraryOnlyIn('execa', ['host/process.ts']),
    libraryOnlyIn('ssh2', ['host/']),
    {
      name: 'processes-start-with-a-chosen-environment',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/host/child.ts$' },
      to: { path: '^(node:)?(child_process|cluster|worker_threads)$' },
    },
    {
      name: 'sockets-only-in-host',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/host/', '^src/build/'] },
      to: { path: '^(node:)?(net|dgram|http|https|tls)$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
