import { hostPaths } from '../core/paths.ts';
import { readPhone } from '../host/android/phone-facts.ts';
import { type PhoneNetwork, planPhoneNetwork } from '../host/android/phone-network.ts';
import { applyChanges } from '../host/changes/apply-changes.ts';
import type { Change } from '../host/changes/change.ts';
import type { Context } from '../host/context.ts';
import { withLock } from '../host/with-lock.ts';
import { networkScript } from '../machine/phone/network-script.ts';
import { PHONE } from '../machine/phone/places.ts';
import { supervisorChange } from '../machine/phone/supervisor-change.ts';

/**
 * Gives a phone the network of its guests, and a supervisor that keeps it and starts machines. Idempotent; returns what was changed. tearDownHost (host-network.ts)
 * undoes all of it. Throws `subnet-taken`, `preference-taken`, `host-change-failed`.
 */
export async function setUpPhone(network: PhoneNetwork, context: Context): Promise<readonly Change[]> {
  return withLock(hostPaths(context.paths).lock, 'vmkit host setup', context, async () => {
    const changes = planPhoneNetwork(network, await readPhone(context));
    const done = await applyChanges([...changes, supervisorChange()], context);
    // Read anew at each look: a supervisor that runs needs not be told.
    await context.host.write(PHONE.network, networkScript(changes), 0o600);
    return done;
  });
}
