import { isAndroid } from '../../host/android/is-android.ts';
import { PHONE_PORTS } from '../../host/android/phone-ports.ts';
import type { Context } from '../../host/context.ts';
import { BRIDGE } from '../../spec/networks/link-addresses.ts';
import { type Observation, ON_HOST, observeScript, readObservations } from '../observation.ts';

/** The phone that runs a machine. */
export interface PhoneFacts {
  /** AVF gives none (machine/vmm/avf). */
  readonly hasCard: boolean;
  /** Empty without a card: then it carries no packets. */
  readonly observed: ReadonlyMap<string, Observation>;
}

/** As root types it there. An Android that hangs in one is no reason to know nothing of the others. */
export function phoneCommands(machine: string): Record<string, string> {
  return {
    rules: 'ip -4 rule',
    forwarding: 'cat /proc/sys/net/ipv4/ip_forward',
    forward: 'iptables -w 2 -S FORWARD',
    tap: `ls -d /sys/class/net/${BRIDGE.interface}/brif/${machine}`,
    doze: 'timeout 4 cmd deviceidle get deep',
    awake: 'cat /sys/power/wake_lock',
    links: 'ip -4 -o address',
    app: 'timeout 4 pm path com.tailscale.ipn',
    ports: `cat ${PHONE_PORTS.wanted}`,
    doors: `ls ${PHONE_PORTS.open}`,
  };
}

/** Undefined where the host is no phone. */
export async function lookAtPhone(
  machine: string,
  hasCard: boolean,
  { host, signal }: Context,
): Promise<PhoneFacts | undefined> {
  if (host.isHere || !(await isAndroid(host))) return undefined;
  if (!hasCard) return { hasCard, observed: new Map() };
  const commands = phoneCommands(machine);
  const { stdout } = await host.exec(['sh'], { input: observeScript(commands, ON_HOST), withinMs: 10_000, signal });
  return { hasCard, observed: readObservations(stdout, commands, 'host') };
}
