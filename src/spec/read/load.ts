import { dirname, relative, resolve } from 'node:path';
import { type Arch, archOf } from '../../core/arch.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Report } from '../../core/progress.ts';
import type { Host } from '../../host/host.ts';
import { type Finding, renderProblem, specInvalid } from '../problem.ts';
import type { VmSpec } from '../vm-spec.ts';
import { type DefinitionFile, findDefinition } from './definitions.ts';
import { type Parsed, parseVm } from './parse.ts';

interface LoadOptions {
  /** Where the machine runs. */
  readonly host: Host;
  /** Where the definition's files are. Default: the same. */
  readonly builder?: { readonly host: Host };
  /** Told of warnings. */
  readonly report?: Report;
  /** Instead of the host's, for definitions that do not name one. */
  readonly arch?: Arch | undefined;
  /** Names are looked up in vm/ below it. Default: the current folder. */
  readonly cwd?: string;
}

/**
 * The definition of a name (`vm/NAME/vm.yaml` below the current folder, else one that ships with vmkit) or of a path, checked.
 * Its services are in the order in which they start. Throws `definition-missing`, or `spec-invalid` with all problems at once.
 */
export async function loadVm(nameOrPath: string, options: LoadOptions): Promise<VmSpec> {
  const cwd = options.cwd ?? process.cwd();
  const files = options.builder?.host ?? options.host;
  const file = await findDefinition(nameOrPath, files, cwd);
  const parsed = parseVm(file.text, dirname(file.path));
  const findings = [
    ...checkName(file, parsed),
    ...(await checkFragments(file, parsed, files)),
    ...(await checkPrivilegedPorts(parsed, options.host)),
  ];
  const problems = [...parsed.problems, ...parsed.place(findings)].sort((a, b) => a.line - b.line);
  const shown = relative(cwd, file.path).startsWith('..') ? file.path : relative(cwd, file.path);
  if (parsed.spec === undefined || problems.some(({ severity }) => severity === 'error')) {
    throw specInvalid(shown, file.text, problems);
  }
  for (const problem of problems) options.report?.({ kind: 'note', text: renderProblem(problem, shown, file.text) });
  return { ...parsed.spec, arch: parsed.spec.arch ?? options.arch ?? (await hostArch(options.host)) };
}

/** The guest architecture that runs fastest here. Throws `arch-unsupported` where no guest's is the host's. */
export async function hostArch(host: Host): Promise<Arch> {
  const { machine } = await host.facts();
  const arch = archOf(machine);
  if (arch !== undefined) return arch;
  throw new VmkitError('host', 'arch-unsupported', `Guests are x86_64 or arm64; this machine is ${machine}.`, {
    hint: 'Write `arch: x86_64` or `arch: arm64` into the definition: it is emulated.',
  });
}

/** What is found by its folder's name is also called by it, or `boot A` would be followed by `stop B`. */
function checkName({ expectedName }: DefinitionFile, { written: { name } }: Parsed): Finding[] {
  if (expectedName === undefined || name === undefined || name === expectedName) return [];
  return [{ path: ['name'], expected: `${expectedName}, as its folder`, hint: 'Rename the folder or the machine.' }];
}

async function checkFragments({ path }: DefinitionFile, { written }: Parsed, host: Host): Promise<Finding[]> {
  const findings = written.fragments.map(async (fragment, index) => {
    const file = resolve(dirname(path), fragment);
    if ((await host.read(file)) !== undefined) return [];
    return [{ path: ['kernel', 'fragments', index], message: `there is no file ${file}` }];
  });
  return (await Promise.all(findings)).flat();
}

/** Whether the port can be had depends on the host's settings, so this is no more than a warning. */
async function checkPrivilegedPorts({ spec }: Parsed, host: Host): Promise<Finding[]> {
  const low = (spec?.services ?? []).flatMap(({ name, ports }) =>
    ports.flatMap(({ hostPort }) => (hostPort === undefined || hostPort >= 1024 ? [] : [{ name, hostPort }])),
  );
  if (low.length === 0 || (await host.facts()).isRoot) return [];
  return low.map(({ name, hostPort }) => ({
    path: ['services'],
    atKey: true,
    message: `${name} takes port ${hostPort} of the host, which most systems keep for root`,
    hint: 'Take a port from 1024 on.',
    isWarning: true,
  }));
}
