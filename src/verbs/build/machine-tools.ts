import type { Context } from '../../host/context.ts';
import { BUILD_TOOLS } from '../../host/tools/tools.ts';
import type { ToolGroup } from '../../host/tools/tools-table.ts';
import { toolsOfKernel } from '../../kernel/choose-kernel.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';

/** What the host must have to build all that a machine boots from: a compiler only where its kernel is compiled. */
export async function buildTools(
  spec: Pick<VmSpec, 'arch' | 'kernel' | 'directory'>,
  context: Context,
): Promise<ToolGroup[]> {
  return [...(await toolsOfKernel(spec, context)), ...BUILD_TOOLS];
}
