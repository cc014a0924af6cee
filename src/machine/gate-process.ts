import { fileURLToPath } from 'node:url';
import type { MachinePaths } from '../core/paths.ts';
import { type BackgroundProcess, startInBackground } from '../host/background.ts';
import { type NetworkSpec, worldOf } from '../spec/network.ts';

/** Starts what stands between a guest and the world; nothing for a machine with another world than `internet`. It ends when its QEMU ends. */
export async function startGate(network: NetworkSpec, paths: MachinePaths): Promise<BackgroundProcess | undefined> {
  const { world, hostAccess } = worldOf(network);
  if (world !== 'internet') return undefined;
  // Beside this file in the bundle.
  const program = fileURLToPath(new URL('./network-gate.js', import.meta.url));
  const { gateGuestSocket, gateWorldSocket, gateLog } = paths;
  return startInBackground([process.execPath, program, gateGuestSocket, gateWorldSocket, ...hostAccess.map(String)], {
    logFile: gateLog,
  });
}
