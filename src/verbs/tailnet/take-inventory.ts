import { join } from 'node:path';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { readNode } from '../../machine/disks/identity.ts';
import { machineNames } from '../../machine/state/machines.ts';
import { ensureSshKeys } from '../../secrets/ssh-keys.ts';
import { requireDaemon } from '../../tailnet/daemon/find-daemon.ts';
import { type Inventory, inventoryOf, type MachineLogin } from '../../tailnet/inventory/inventory.ts';
import type { VerbContext } from '../step.ts';

/** The nodes of the tailnet that this computer's tailscaled knows, and how ssh gets there. Throws `no-daemon`. */
export async function takeInventory(context: VerbContext): Promise<Inventory> {
  const [daemon, logins] = await Promise.all([requireDaemon(context), machineLogins(context)]);
  return inventoryOf(daemon, logins);
}

/** Of each machine that was booted here. */
async function machineLogins(context: Pick<Context, 'host' | 'paths'>): Promise<MachineLogin[]> {
  const names = await machineNames(context);
  const logins = await Promise.all(
    names.map(async (machine): Promise<MachineLogin[]> => {
      const { secretsDir, identityFile: identityPath } = machinePaths(context.paths, machine);
      const identityFile = join(secretsDir, 'ssh', 'client_key');
      if ((await context.host.stat(identityFile)) === undefined) return [];
      const { hostPublicKey } = await ensureSshKeys(secretsDir, context.host);
      const hostname = (await readNode(identityPath, context.host))?.hostname ?? machine;
      return [{ machine, hostname, user: 'root', identityFile, hostKey: hostPublicKey }];
    }),
  );
  return logins.flat();
}
