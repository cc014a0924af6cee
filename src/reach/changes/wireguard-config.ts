import { endpointText } from '../../net/endpoint.ts';
import type { WireguardClient, WireguardTunnel } from '../../spec/service.ts';
import { WIREGUARD_MTU } from '../../spec/services/wireguard.ts';

interface ClientKeys {
  /** The client's own. */
  readonly privateKey: string;
  /** The machine's public key. */
  readonly machineKey: string;
}

/**
 * A client's configuration, for wg-quick(8) and WireGuard's apps. It sends into the tunnel what is for the machine, and nothing else; what keeps a router's
 * address translation open is sent each 25 s (wg(8), PersistentKeepalive). `endpoint`: a name or an address.
 */
export function wireguardConfig(
  tunnel: WireguardTunnel,
  { address }: WireguardClient,
  { privateKey, machineKey }: ClientKeys,
  endpoint: string,
): string {
  return `[Interface]
PrivateKey = ${privateKey}
Address = ${address}/32
MTU = ${WIREGUARD_MTU}

[Peer]
PublicKey = ${machineKey}
AllowedIPs = ${tunnel.address}/32
Endpoint = ${endpointText({ address: endpoint, port: tunnel.port })}
PersistentKeepalive = 25
`;
}
