import { hostPaths } from '../../core/paths.ts';
import { readPhone } from '../../host/android/phone-facts.ts';
import { type PhoneNetwork, planPhoneNetwork } from '../../host/android/phone-network.ts';
import { applyChanges, missingChanges } from '../../host/changes/apply-changes.ts';
import { readJournal } from '../../host/changes/change-journal.ts';
import type { Context } from '../../host/context.ts';
import { withLock } from '../../host/with-lock.ts';
import { networkScript } from '../../machine/phone/network-script.ts';
import { PHONE } from '../../machine/phone/places.ts';
import { supervisorChange } from '../../machine/phone/supervisor-change.ts';
import { type HostReport, reportChanges } from '../host/host-network.ts';

/**
 * Gives a phone the network of its guests, and a supervisor that keeps it and starts machines. Idempotent; tells what was changed. tearDownHost (host-network.ts)
 * undoes all of it. Throws `subnet-taken`, `preference-taken`, `host-change-failed`.
 */
export async function setUpPhone(network: PhoneNetwork, context: Context, isDryRun = false): Promise<HostReport> {
  return withLock(hostPaths(context.paths).lock, 'vmkit host setup', context, async () => {
    const changes = planPhoneNetwork(network, await readPhone(context));
    const all = [...changes, supervisorChange()];
    if (isDryRun) return reportChanges(await missingChanges(all, context), 'apply', true, context, []);
    const done = await applyChanges(all, context);
    // Read anew at each look: a supervisor that runs needs not be told.
    await context.host.write(PHONE.network, networkScript(changes), 0o600);
    return reportChanges(done, 'apply', false, context, []);
  });
}

/** A supervisor that another vmkit's setup left takes the place that this one's has; machines run on. Nothing happens where there is none. */
export async function renewSupervisor(context: Context): Promise<void> {
  await withLock(hostPaths(context.paths).lock, 'vmkit boot', context, async () => {
    if (!(await readJournal(context)).some(({ id }) => id === 'supervisor')) return;
    const renewed = await applyChanges([supervisorChange()], context);
    if (renewed.length === 0) return;
    context.report({ kind: 'note', text: `${context.host.name} had another vmkit's supervisor: it is renewed.` });
  });
}
