import { isIpv6 } from '../../core/addresses/ipv6.ts';
import type { Daemon } from '../daemon/find-daemon.ts';
import { nodeNames } from '../hosts/node-names.ts';
import type { TailscaleStatus } from '../tailscale-json.ts';

/** How ssh logs in to a machine of vmkit's own. */
export interface MachineLogin {
  readonly machine: string;
  /** The name that its node gives itself in the tailnet. */
  readonly hostname: string;
  readonly user: 'root';
  readonly identityFile: string;
  /** `ssh-ed25519 BASE64`: no other key is accepted. */
  readonly hostKey: string;
}

export interface InventoryNode {
  /** What one calls it: the short name, or the full one of a node of another tailnet. */
  readonly name: string;
  readonly fullName: string;
  /** In the tailnet; IPv4 where it has one. */
  readonly address: string;
  readonly os: string;
  readonly tags: readonly string[];
  readonly isOnline: boolean;
  /** Undefined: a node that vmkit knows nothing of but its address. */
  readonly login: MachineLogin | undefined;
}

export interface Inventory {
  /** The socket of the tailscaled that was asked, and how it was found. */
  readonly socket: string;
  readonly foundBy: string;
  /** False: userspace networking; nothing but tailscaled itself reaches the tailnet. */
  readonly isRouted: boolean;
  /** What ssh dials through, without host and port; undefined: it dials by itself. */
  readonly proxy: readonly string[] | undefined;
  readonly nodes: readonly InventoryNode[];
}

/** The other nodes of the tailnet as this computer reaches them. `logins` are of the machines that it has. Pure. */
export function inventoryOf(daemon: Daemon, logins: readonly MachineLogin[]): Inventory {
  const { socket, foundBy, tailscale, status } = daemon;
  return {
    socket,
    foundBy,
    isRouted: status.TUN,
    proxy: status.TUN ? undefined : [...tailscale, 'nc'],
    nodes: nodesOf(status, logins),
  };
}

function nodesOf(status: TailscaleStatus, logins: readonly MachineLogin[]): InventoryNode[] {
  const [own] = status.Self.TailscaleIPs ?? [];
  return nodeNames(status).flatMap(({ addresses, names }): InventoryNode[] => {
    const [fullName = '', short] = names;
    const address = addresses.find((each) => !isIpv6(each)) ?? addresses[0];
    const peer = Object.values(status.Peer ?? {}).find(({ TailscaleIPs: ips }) => ips?.includes(addresses[0] ?? ''));
    if (address === undefined || peer === undefined || addresses.includes(own ?? '')) return [];
    return [
      {
        name: short ?? fullName,
        fullName,
        address,
        os: peer.OS,
        tags: peer.Tags ?? [],
        isOnline: peer.Online === true,
        // A node of another tailnet may call itself anything.
        login: short === undefined ? undefined : logins.find(({ hostname }) => hostname === peer.HostName),
      },
    ];
  });
}
