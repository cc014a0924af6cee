import * as z from 'zod';
import { formatAddress, formatSubnet, freeSubnet } from '../../core/addresses/ipv4.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { linkExists } from '../changes/change.ts';
import type { Context } from '../context.ts';
import { networkAddresses } from './bridge-addresses.ts';
import { type HostNetworkFacts, type NetworkRequest, takesBridge } from './host-network.ts';
import { routedSubnets } from './host-routes.ts';

/**
 * A datagram to the discard port: whoever has the address says that nobody listens there (ICMP, RFC 1122, 3.2.2.1), which the next one's sender is told, or takes
 * it. By bash, which each host of machines has: one behind ssh need not have Node. bash opens UDP sockets by such a name (bash(1), REDIRECTION).
 */
const ASK = `exec 3<>"/dev/udp/$1/9" || exit 1
for try in 1 2 3 4 5 6; do
  echo >&3 || exit 0
  sleep 0.1
done 2>&1 | grep -q refused`;

const neighbours = z.array(z.object({ lladdr: z.string().optional(), state: z.array(z.string()).default([]) }));

/**
 * Throws `address-answers` when somebody has an address already that a network or a machine is to get, with a free subnet. Neither root nor ping is needed: an
 * answer by ICMP tells, and on one's own network the neighbour table. What vmkit made itself is not asked.
 */
export async function requireSilent(request: NetworkRequest, facts: HostNetworkFacts, context: Context): Promise<void> {
  const { subnet, bridge, taps, macvtaps } = request;
  const isNew = async (link: string): Promise<boolean> =>
    (await context.host.exec(linkExists(link).argv)).exitCode !== 0;
  const bridged =
    takesBridge(request) && (await isNew(bridge)) ? [networkAddresses(request).gateway, ...taps.map(addressOf)] : [];
  const own = await Promise.all(macvtaps.map(async (each) => ((await isNew(each.name)) ? [addressOf(each)] : [])));
  const addresses = [...bridged, ...own.flat()];
  const answers = await Promise.all(addresses.map((address) => answersAlready(address, context)));
  const taken = addresses.find((_, at) => answers[at]);
  if (taken === undefined) return;
  const free = freeSubnet(subnet.bits, [subnet, ...routedSubnets(facts.routes)]);
  const instead = bridged.includes(taken) && free !== undefined ? `--subnet ${formatSubnet(free)}` : 'another address';
  throw new VmkitError('host', 'address-answers', `${taken} is to be given away, and somebody answers there already.`, {
    hint: `Take ${instead}. Who it is: ip route get ${taken}; ip neighbour show ${taken}`,
  });
}

function addressOf({ address }: { readonly address: number }): string {
  return formatAddress(address);
}

async function answersAlready(address: string, { host, signal }: Context): Promise<boolean> {
  const options = { signal, withinMs: 10_000, env: { LC_ALL: 'C' } };
  if ((await host.exec(['bash', '-c', ASK, 'bash', address], options)).exitCode === 0) return true;
  const { exitCode, stdout } = await host.exec(['ip', '-j', 'neighbour', 'show', address], options);
  const found = exitCode === 0 ? neighbours.parse(JSON.parse(stdout || '[]')) : [];
  return found.some(({ lladdr, state }) => lladdr !== undefined && !state.includes('FAILED'));
}
