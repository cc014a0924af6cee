import { fatal } from '../../spec/guest-event.ts';
import {
  type LinkSpec,
  lanAddresses,
  linkAddresses,
  type MacvtapSpec,
  type NetworkSpec,
  USER_NETWORK,
  type WorldSpec,
} from '../../spec/network.ts';

/** The part of stage 1 that raises the network: static, so that nobody waits for DHCP or for a router. */
export function networkSteps(network: NetworkSpec): string {
  const { interface: nic, address, prefixLength } = USER_NETWORK;
  return `# The network: static, so that nobody waits for DHCP or for a router.
[ -e /sys/class/net/${nic} ] || ${fatal('network-missing')} "the kernel found no ${nic}"
ip addr add ${address}/${prefixLength} dev ${nic}
ip link set ${nic} up
${worldSteps(network)}event_phase network
`;
}

/** How the guest reaches the world and other machines. */
function worldSteps(network: NetworkSpec): string {
  switch (network.kind) {
    case 'user':
      return userWorldSteps(network);
    case 'private':
      return `${userWorldSteps(network)}${linkSteps(network)}`;
    case 'bridge':
      return `${linkSteps(network)}${bridgeWorldSteps(network)}`;
    case 'macvtap':
      return lanSteps(network);
  }
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

function bridgeWorldSteps(network: LinkSpec): string {
  const { gateway, gateway6 } = linkAddresses(network);
  return `${defaultRoute(gateway)}${defaultRoute(gateway6)}${nameServers()}`;
}

function lanSteps(network: MacvtapSpec): string {
  const { interface: nic, mac, address, prefixLength } = lanAddresses(network);
  const { gateway } = network;
  return `# The network of an interface of the host.
${raise(nic, mac, [`${address}/${prefixLength}`])}${gateway === undefined ? '' : defaultRoute(gateway)}${nameServers()}`;
}

function linkSteps(network: LinkSpec): string {
  const { interface: nic, mac, address, prefixLength, address6, prefixLength6 } = linkAddresses(network);
  return `# The link to other machines.
${raise(nic, mac, [`${address}/${prefixLength}`, `${address6}/${prefixLength6}`])}`;
}

/** A network card is told by its MAC: names depend on the order of devices. */
function raise(nic: string, mac: string, addresses: readonly string[]): string {
  return `read -r found </sys/class/net/${nic}/address || ${fatal('network-missing')} "the kernel found no ${nic}"
[ "$found" = ${mac} ] || ${fatal('network-swapped')} "${nic} has the MAC $found, not ${mac}"
${addresses.map((address) => `ip addr add ${address} dev ${nic}\n`).join('')}ip link set ${nic} up || ${fatal('network-failed')} "cannot raise ${nic}"
`;
}

function defaultRoute(gateway: string): string {
  const ip = gateway.includes(':') ? 'ip -6' : 'ip';
  return `${ip} route add default via ${gateway} || ${fatal('network-failed')} "cannot set the default route via ${gateway}"
`;
}

/** The host's own: the user network's is out of reach. */
function nameServers(): string {
  return `: >/new/etc/resolv.conf
for server in $(echo "\${name_servers-}" | tr , ' '); do echo "nameserver $server" >>/new/etc/resolv.conf; done
`;
}
