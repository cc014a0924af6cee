import type { MachinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import type { Host, HostProcess } from '../../host/host.ts';
import type { NetworkSpec } from '../../spec/networks/network-spec.ts';
import { worldOf } from '../../spec/networks/networks.ts';
import { ownProgram } from '../own-program.ts';
import { type MachineState, writeState } from '../state/state.ts';

/** Starts what stands between a guest and the world; nothing for a machine with another world than `internet`. It ends when its QEMU ends. */
export async function startGate(
  network: NetworkSpec,
  paths: MachinePaths,
  host: Host,
): Promise<HostProcess | undefined> {
  const { world, hostAccess } = worldOf(network);
  if (world !== 'internet') return undefined;
  const program = await ownProgram('network-gate', host);
  if (program === undefined) throw new TypeError(`A gate on ${host.name}, which has no Node.`);
  const { gateGuestSocket, gateWorldSocket, gateLog } = paths;
  return host.start([...program, gateGuestSocket, gateWorldSocket, ...hostAccess.map(String)], {
    logFile: gateLog,
  });
}

/** Whether a running machine's gate has died: no port of the machine answers then, and it dials nobody. */
export async function hasLostGate({ gate }: Pick<MachineState, 'gate'>, host: Host): Promise<boolean> {
  return gate !== undefined && !(await host.isRunning(gate));
}

/** Starts a gate that died again, under the running machine. Call it with the machine's lock held. */
export async function keepGate(state: MachineState, paths: MachinePaths, context: Context): Promise<MachineState> {
  if (!(await hasLostGate(state, context.host))) return state;
  context.report({ kind: 'note', text: `The gate of ${state.name} had ended, and is started again.` });
  const kept = { ...state, gate: await startGate(state.network, paths, context.host) };
  await writeState(paths, kept, context);
  return kept;
}
