import { VmkitError } from '../../core/errors/errors.ts';
import { missingChanges } from '../changes/apply-changes.ts';
import { readJournal } from '../changes/change-journal.ts';
import type { Context } from '../context.ts';
import { findMissing } from '../tools/tools.ts';
import { type HostNetworkFacts, type NetworkRequest, planNetwork, readHostNetwork } from './host-network.ts';

export interface CheckRow {
  readonly what: string;
  readonly isOk: boolean;
  readonly says: string;
  readonly hint?: string | undefined;
}

/** What this host has and lacks for a bridge network. Changes nothing. */
export async function checkNetwork(request: NetworkRequest, context: Context): Promise<readonly CheckRow[]> {
  const missing = (await findMissing(['network'], context.host)).map(({ name }) => name);
  if (missing.length > 0) {
    return [{ what: 'tools', isOk: false, says: `missing: ${missing.join(', ')}`, hint: 'vmkit doctor --setup --all' }];
  }
  const facts = await readHostNetwork(context);
  const hasTun = (await context.host.stat('/dev/net/tun')) !== undefined;
  return [
    { what: 'tools', isOk: true, says: 'ip, nft, sysctl' },
    {
      what: 'TAP',
      isOk: hasTun,
      says: hasTun ? '/dev/net/tun' : 'no /dev/net/tun',
      hint: hasTun ? undefined : 'modprobe tun',
    },
    rootRow(facts, context),
    ...firewallRows(facts, request.bridge),
    uplinkRow(facts),
    ...ipv6Rows(facts),
    ...(await changeRows(request, facts, context)),
  ];
}

function rootRow({ filters }: HostNetworkFacts, { host }: Context): CheckRow {
  if (filters !== undefined) return { what: 'root', isOk: true, says: 'changes can be made' };
  return {
    what: 'root',
    isOk: false,
    says: 'sudo refuses, or asks for a password, so firewalls cannot be seen either',
    hint: host.isHere
      ? 'sudo -v, then again; or run vmkit as root'
      : '--host ssh://root@HOST, or sudo without a password',
  };
}

function firewallRows({ filters }: HostNetworkFacts, bridge: string): readonly CheckRow[] {
  if (filters === undefined) return [];
  const known = filters.firewalls.map(
    (name) => `${name} drops what it does not know; setup uses its own place for others`,
  );
  const strangers = filters.strangers.map((chain) => ({
    what: 'firewall',
    isOk: false,
    says: `the chain ${chain} drops forwarded packets by its policy, and vmkit does not edit it`,
    hint: `Let it accept: iifname "${bridge}" accept; oifname "${bridge}" ct state established,related accept`,
  }));
  if (known.length + strangers.length === 0)
    return [{ what: 'firewall', isOk: true, says: 'nothing drops forwarded packets' }];
  return [...known.map((says) => ({ what: 'firewall', isOk: true, says })), ...strangers];
}

function uplinkRow({ ipv4 }: HostNetworkFacts): CheckRow {
  const names = ipv4.uplinks.map(
    ({ name, isForwarding }) => `${name} (${isForwarding ? 'forwards' : 'does not forward yet'})`,
  );
  if (names.length > 0) return { what: 'uplink', isOk: true, says: names.join(', ') };
  return { what: 'uplink', isOk: true, says: 'no default route: machines reach the host and each other only' };
}

/** What is told of IPv6: nothing where it goes the way of IPv4. */
function ipv6Rows({ ipv6 }: HostNetworkFacts): readonly CheckRow[] {
  const says = (text: string): CheckRow[] => [{ what: 'IPv6', isOk: true, says: text }];
  if (ipv6 === undefined) return says('switched off on the host');
  if (ipv6.uplinks.length === 0) return says('no default route: machines reach the host and each other only');
  if (ipv6.isForwarding || ipv6.isByInterface) return [];
  return says(
    'forwarded for all interfaces or for none before Linux 6.17, and vmkit does not switch that: machines reach the host and each other only',
  );
}

async function changeRows(
  request: NetworkRequest,
  facts: HostNetworkFacts,
  context: Context,
): Promise<readonly CheckRow[]> {
  const entries = await readJournal(context);
  const half = entries.filter(({ state }) => state === 'pending').map(({ title }) => title);
  const made = { what: 'changes', isOk: half.length === 0, says: `${entries.length} in the journal` };
  const rows = [
    half.length === 0 ? made : { ...made, says: `half made: ${half.join('; ')}`, hint: 'vmkit host teardown' },
  ];
  try {
    const changes = planNetwork(request, facts);
    if (facts.filters === undefined) return rows;
    const missing = await missingChanges(changes, context);
    const says = missing.length === 0 ? 'set up' : `setup would make ${missing.length} changes`;
    return [...rows, { what: 'network', isOk: true, says }];
  } catch (error) {
    if (!(error instanceof VmkitError)) throw error;
    return [...rows, { what: 'network', isOk: false, says: error.message, hint: error.hint }];
  }
}
