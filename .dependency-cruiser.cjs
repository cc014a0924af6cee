/** Which rooms (folders of src/) a room may import from, in the direction of the flow. docs/decisions.md says why. */
const ROOMS = {
  core: [],
  net: ['core'],
  host: ['core', 'net'],
  store: ['core', 'net', 'host'],
  spec: ['core', 'host'],
  guest: ['core', 'net', 'host', 'spec'],
  kernel: ['core', 'host', 'store', 'spec'],
  image: ['core', 'host', 'store', 'spec'],
  init: ['core', 'spec'],
  secrets: ['core', 'net', 'host', 'store', 'spec', 'image'],
  machine: ['core', 'net', 'host', 'store', 'spec', 'guest', 'secrets'],
  backup: ['core', 'host', 'spec'],
  export: ['core', 'spec', 'machine'],
  tailnet: ['core', 'net', 'host', 'store', 'spec', 'guest', 'image'],
  reach: ['core', 'net', 'host', 'store', 'spec', 'guest', 'secrets', 'machine', 'tailnet'],
};
const roomRules = Object.entries(ROOMS).map(([room, allowed]) => ({
  name: `what-${room}-imports`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: [room, ...allowed].map((folder) => `^src/${folder}/`) },
}));
/** Folders of src/machine/vmm, one each. Everything else knows a monitor by the interface in vmm.ts. */
const MONITORS = ['qemu', 'crosvm', 'avf'];
const monitorRules = MONITORS.map((monitor) => ({
  name: `${monitor}-is-known-by-its-driver`,
  severity: 'error',
  // On a phone the supervisor starts monitors, in place of their drivers.
  from: {
    path: '^src/',
    pathNot: ['^src/machine/(vmm/drivers|choose-vmm).ts$', '^src/machine/phone/', `^src/machine/vmm/${monitor}/`],
  },
  to: { path: `^src/machine/vmm/${monitor}/` },
}));
const libraryOnlyIn = (library, folders) => ({
  name: `${library}-stays-in-its-place`,
  severity: 'error',
  from: { path: '^src/', pathNot: folders.map((folder) => `^src/${folder}`) },
  to: { path: `node_modules/${library}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...roomRules,
    {
      name: 'only-main-knows-the-command-line',
      severity: 'error',
      from: { path: '^src/(?!cli/|main.ts)' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'only-index-knows-the-library',
      severity: 'error',
      from: { path: '^src/(?!library/|index.ts)' },
      to: { path: '^src/(library/|index.ts)' },
    },
    ...monitorRules,
    libraryOnlyIn('yargs', ['cli/', 'main.ts']),
    libraryOnlyIn('listr2', ['cli/']),
    // Who starts a process says which variables it gets: child-environment.ts.
    libraryOnlyIn('execa', ['host/local/process/process.ts']),
    libraryOnlyIn('ssh2', ['guest/', 'secrets/']),
    {
      name: 'processes-start-with-a-chosen-environment',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/host/local/process/child.ts$' },
      to: { path: '^(node:)?(child_process|cluster|worker_threads)$' },
    },
    {
      name: 'sockets-only-in-net-and-host',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: ['^src/(net|host)/', '^src/store/fetch/', '^src/machine/(switch|gate)/'],
      },
      to: { path: '^(node:)?(net|dgram|http|https|tls)$' },
    },
    {
      // The rooms that build on this computer, and programs that run beside QEMU on it. Everything else asks its Host.
      name: 'files-of-this-computer',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/(host|store|kernel|image)/',
          '^src/core/package-root.ts$',
          '^src/spec/read/definitions.ts$',
          '^src/tailnet/peer/',
          '^src/reach/look/tunnels/(by-nebula|nebula-inside).ts$',
          '^src/nebula-inside.ts$',
          // A program that runs beside QEMU.
          '^src/machine/(switch/run-switch|gate/own-addresses).ts$',
        ],
      },
      to: { path: '^(node:)?fs(/promises)?$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
