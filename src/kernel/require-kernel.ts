import { join } from 'node:path';
import { VmkitError } from '../core/errors/errors.ts';
import type { Context } from '../host/context.ts';
import { readText } from '../host/read-text.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import type { Built } from '../store/artifact.ts';
import { judgeConfig, type Verdict } from './check/judge.ts';
import type { ChosenKernel } from './choose-kernel.ts';
import { MODULES_INDEX } from './ready-made/install-modules.ts';
import { moduleName, parseModulesDep } from './ready-made/load-order.ts';

/** Debian's packages that run containers. */
const ENGINES = ['podman', 'docker.io', 'containerd'];

/** The profiles of `check-kernel` that a machine needs. */
export function neededProfiles({ services, packages }: Pick<VmSpec, 'services' | 'packages'>): string[] {
  const limits = services.some(({ memoryMib }) => memoryMib !== undefined) ? ['memory-limits'] : [];
  const installed = [...packages, ...services.flatMap((service) => service.packages)];
  const containers = installed.some((name) => ENGINES.includes(name)) ? ['containers'] : [];
  const own = services.flatMap(({ kernelProfiles = [] }) => kernelProfiles);
  return [...new Set(['machine', ...limits, ...containers, ...own])];
}

/** Without these stage 1 refuses to go on, so nobody can have meant to try it. */
const INDISPENSABLE = ['machine', 'memory-limits'];

/**
 * Judges a kernel by what a machine needs, before anything is started. Throws `kernel-unfit`. Where the definition itself builds a kernel with less than a
 * service needs, that is what somebody asked for: it is told, and tried.
 */
export async function requireKernel(
  spec: Pick<VmSpec, 'name' | 'services' | 'packages'>,
  kernel: ChosenKernel,
  built: Built,
  context: Context,
): Promise<void> {
  // Empty for an output that this kernel does not have.
  const output = (name: string): Promise<string> => readText(join(built.directory, name), context.host);
  const config = await output('config');
  const modules = [...parseModulesDep(await output(MODULES_INDEX)).keys()].map(moduleName);
  const lacking = judgeConfig(config, neededProfiles(spec), new Set(modules)).verdicts.filter(
    ({ isSatisfied }) => !isSatisfied,
  );
  if (lacking.length === 0) return;
  const text = [`The kernel lacks what ${spec.name} needs (${built.manifest.title}).`, ...lacking.map(lackText)].join(
    '\n',
  );
  const isAsked =
    ['vmkit', 'pulled'].includes(kernel.kind) && lacking.every(({ profile }) => !INDISPENSABLE.includes(profile));
  if (isAsked) return context.report({ kind: 'note', text });
  throw new VmkitError('build', 'kernel-unfit', text, {
    hint: `Take another one: --kernel debian, or --kernel vmkit. What was looked at: vmkit check-kernel ${join(built.directory, 'config')}`,
    details: { lacking },
  });
}

function lackText({ title, missing }: Verdict): string {
  return [`${title}:`, ...missing.map(({ anyOf, reason }) => `  ${anyOf.join(' or ')}: ${reason}`)].join('\n');
}
