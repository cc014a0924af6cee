import { machinePaths } from '../core/paths.ts';
import { makeNebulaCertificates } from '../secrets/nebula-certificates.ts';
import type { NebulaNode } from '../spec/service.ts';
import type { VmSpec } from '../spec/vm-spec.ts';
import { componentHere } from '../tailnet/component-here.ts';
import { buildContext, type VerbContext } from './step.ts';

/** The machine's place in its overlay; undefined where it has none. */
export function nebulaOf({ services }: Pick<VmSpec, 'services'>): NebulaNode | undefined {
  return services.find(({ nebula }) => nebula !== undefined)?.nebula;
}

/** Makes what is missing of a machine's CA and certificates. Nothing to do for a machine that is no node of Nebula. */
export async function ensureNebulaCertificates(spec: VmSpec, context: VerbContext): Promise<void> {
  const node = nebulaOf(spec);
  if (node === undefined) return;
  const paths = machinePaths(context.paths, spec.name);
  const here = buildContext(context);
  const certifier = { host: here.host, program: () => componentHere('nebula-cert', here) };
  await makeNebulaCertificates(spec.name, node, paths, certifier, context);
}
