import { VmkitError } from '../../core/errors/errors.ts';
import { ownCommand } from '../../core/package-root.ts';
import { hostPaths } from '../../core/paths.ts';
import { applyChanges, missingChanges, undoChanges } from '../../host/changes/apply-changes.ts';
import { readJournal } from '../../host/changes/change-journal.ts';
import { withLock } from '../../host/with-lock.ts';
import { SERVICE_CHANGE, serviceChange } from '../../tailnet/service/service-change.ts';
import { SERVICE_SOCKET, type ServiceRequest } from '../../tailnet/service/units.ts';
import { type HostReport, reportChanges } from '../host/host-network.ts';
import type { VerbContext } from '../step.ts';

const NEXT = `Then: sudo tailscale up --accept-dns=false. It may not write /etc/resolv.conf: sudo vmkit tailnet hosts has the names.`;

/** Makes this computer's tailscaled a service with few rights and a watchdog; idempotent. Throws `tool-missing` where there is no tailscaled. */
export async function installService(
  isUserspace: boolean,
  isDryRun: boolean,
  context: VerbContext,
): Promise<HostReport> {
  const { isPackaged: isEnabled, ...found } = await lookForDaemon(context);
  const installed = (await readJournal(context)).find(({ id }) => id === SERVICE_CHANGE);
  // Once installed, the package's unit is off.
  const isPackaged = isEnabled || installed?.apply.some(({ argv }) => argv.includes('disable')) === true;
  const watch = [...ownCommand(), 'tailnet', 'watch', '--socket', SERVICE_SOCKET];
  const change = serviceChange({ ...found, isUserspace, watch }, isPackaged);
  return withLock(hostPaths(context.paths).lock, 'vmkit tailnet service', context, async () => {
    const done = isDryRun ? await missingChanges([change], context) : await applyChanges([change], context);
    return reportChanges(done, 'apply', isDryRun, context, [NEXT]);
  });
}

/** The undo: its node's state goes, and the unit of the package comes back, where there was one. */
export async function removeService(isDryRun: boolean, context: VerbContext): Promise<HostReport> {
  return withLock(hostPaths(context.paths).lock, 'vmkit tailnet service', context, async () => {
    const isMeant = ({ id }: { readonly id: string }): boolean => id === SERVICE_CHANGE;
    const undone = isDryRun ? (await readJournal(context)).filter(isMeant) : await undoChanges(context, isMeant);
    return reportChanges(undone, 'undo', isDryRun, context, []);
  });
}

/** Prints the path of tailscaled, the user, and whether a package's unit would start it, too. */
const LOOK = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
command -v tailscaled || echo
id -un
systemctl is-enabled tailscaled.service 2>/dev/null || echo no`;

async function lookForDaemon({
  host,
  signal,
}: VerbContext): Promise<Pick<ServiceRequest, 'tailscaled' | 'watchUser'> & { readonly isPackaged: boolean }> {
  const { stdout } = await host.exec(['sh'], { input: LOOK, withinMs: 20_000, signal });
  const [tailscaled = '', watchUser = '', enabled = ''] = stdout.split('\n');
  if (tailscaled.startsWith('/')) return { tailscaled, watchUser, isPackaged: enabled === 'enabled' };
  throw new VmkitError('tool', 'tool-missing', 'This computer has no tailscaled that a service could run.', {
    hint: "Install Tailscale's package; or, without root: vmkit tailnet join --userspace",
  });
}
