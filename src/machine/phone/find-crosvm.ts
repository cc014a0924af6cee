import { join } from 'node:path/posix';
import { type Arch, archOf } from '../../core/arch.ts';
import { HYPERVISORS, VIRT_PROGRAMS } from '../../host/android/virtualization.ts';
import type { Context } from '../../host/context.ts';
import { askBuild } from '../vmm/crosvm/facts.ts';
import type { VmmFacts } from '../vmm/vmm-facts.ts';

/** The crosvm of a phone that runs machines there. */
export type PhoneCrosvm = Required<Pick<VmmFacts, 'program' | 'dialect' | 'hypervisor'>>;

/** The first crosvm of the phone that takes a machine's command line, and what it runs on; or what is lacking: `root`. */
export async function findCrosvm(
  arch: Arch,
  context: Pick<Context, 'host' | 'signal'>,
): Promise<PhoneCrosvm | { readonly lacks: string }> {
  const { host } = context;
  const { isRoot, machine } = await host.facts();
  if (archOf(machine) !== arch) return { lacks: `${arch} processor` };
  if (!isRoot) return { lacks: 'root' };
  const devices = await host.statAll(Object.keys(HYPERVISORS));
  const hypervisor = Object.values(HYPERVISORS).find((_, at) => devices[at] !== undefined);
  if (hypervisor === undefined) return { lacks: 'hypervisor' };
  const builds = ((await host.list(VIRT_PROGRAMS)) ?? []).filter((name) => name.startsWith('crosvm')).sort();
  for (const name of builds) {
    const program = join(VIRT_PROGRAMS, name);
    const found = await askBuild(program, arch, context);
    if ('dialect' in found) return { program, dialect: found.dialect, hypervisor };
  }
  return { lacks: builds.length === 0 ? 'crosvm' : `crosvm that takes a network card (${builds.join(', ')})` };
}
