import { isIpv6 } from '../../core/addresses/ipv6.ts';
import { fatal } from '../../spec/guest-event.ts';
import type { Card } from '../../spec/networks/network.ts';
import type { NetworkSpec, WorldSpec } from '../../spec/networks/network-spec.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import { USER_NETWORK } from '../../spec/networks/user-network.ts';

/** The part of stage 1 that raises the network: static, so that nobody waits for DHCP or for a router. */
export function networkSteps(network: NetworkSpec): string {
  return `# The network: static, so that nobody waits for DHCP or for a router.
case \${cards-all} in
all)
${userCardSteps()}${worldSteps(network)};;
own)
${ownCardSteps(network)};;
none) : >/new/etc/resolv.conf ;;
esac
event_phase network
`;
}

function userCardSteps(): string {
  const { interface: nic, address, prefixLength } = USER_NETWORK;
  return `[ -e /sys/class/net/${nic} ] || ${fatal('network-missing')} "the kernel found no ${nic}"
ip addr add ${address}/${prefixLength} dev ${nic}
ip link set ${nic} up
`;
}

/** A monitor without the user network gives the card that leads to the world alone, and some give it no MAC: there is no other to take it for. */
function ownCardSteps(network: NetworkSpec): string {
  const { world, card } = networkOf(network);
  const none = `${fatal('network-missing')} "this machine's network needs a monitor with a user network"\n`;
  if (card === undefined || world !== undefined) return none;
  const found = USER_NETWORK.interface;
  return `[ -e /sys/class/net/${found} ] || ${fatal('network-missing')} "the kernel found no ${found}"
ip link set ${found} name ${card.interface} address ${card.mac} || ${fatal('network-failed')} "cannot name ${card.interface}"
${worldSteps(network)}`;
}

/** How the guest reaches the world and other machines. */
function worldSteps(network: NetworkSpec): string {
  const { world, card } = networkOf(network);
  const own = card === undefined ? '' : cardSteps(card);
  return world === undefined ? `${own}${nameServers()}` : `${userWorldSteps(world)}${own}`;
}

/** linux: Documentation/networking/ip-sysctl.rst. Nobody else is on this link, so no address on trial (accept_dad), which could not be used for a second. */
function userWorldSteps({ world }: WorldSpec): string {
  if (world === 'none') return ': >/new/etc/resolv.conf\n';
  const { interface: nic, gateway, dns, address6, prefixLength6, gateway6 } = USER_NETWORK;
  return `for key in accept_ra accept_dad; do echo 0 >/proc/sys/net/ipv6/conf/${nic}/$key; done
ip addr add ${address6}/${prefixLength6} dev ${nic}
${defaultRoute(gateway)}${defaultRoute(gateway6)}echo "nameserver ${dns}" >/new/etc/resolv.conf
`;
}

/** A network card is told by its MAC: names depend on the order of devices. */
function cardSteps({ leadsTo, interface: nic, mac, addresses, gateways }: Card): string {
  return `# ${leadsTo}
read -r found </sys/class/net/${nic}/address || ${fatal('network-missing')} "the kernel found no ${nic}"
[ "$found" = ${mac} ] || ${fatal('network-swapped')} "${nic} has the MAC $found, not ${mac}"
${addresses.map((address) => `ip addr add ${address} dev ${nic}\n`).join('')}ip link set ${nic} up || ${fatal('network-failed')} "cannot raise ${nic}"
${gateways.map(defaultRoute).join('')}`;
}

function defaultRoute(gateway: string): string {
  const ip = isIpv6(gateway) ? 'ip -6' : 'ip';
  return `${ip} route add default via ${gateway} || ${fatal('network-failed')} "cannot set the default route via ${gateway}"
`;
}

/** The host's own: the user network's is out of reach. */
function nameServers(): string {
  return `: >/new/etc/resolv.conf
for server in $(echo "\${name_servers-}" | tr , ' '); do echo "nameserver $server" >>/new/etc/resolv.conf; done
`;
}
