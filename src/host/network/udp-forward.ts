import { type Change, ours } from '../changes/change.ts';

/** Names the change: a service of a machine; '' for what the names for all of them begin with. */
export function udpForwardId(machine: string, service: string): string {
  return `nft:vmkit_${machine}_${service}`;
}

/** Whether a change is one of these; names of machines and services have no `_`. */
export function isUdpForward(id: string): boolean {
  return /^nft:vmkit_[^_]+_/.test(id);
}

/**
 * This host sends what comes to this UDP port of any of its addresses on to a machine on the bridge (DNAT): from outside, and from this host itself. A table of
 * its own, so that it goes as a whole; vmkit's bridge lets it through since it was sent there by this host (`ct status dnat`, bridge-nft.ts).
 */
export function udpForwardChange(machine: string, service: string, address: string, port: number): Change {
  const table = `vmkit_${machine}_${service}`;
  return {
    ...ours(udpForwardId(machine, service), `UDP ${port} of the host leads to ${service} in ${machine}, ${address}`),
    apply: [{ argv: ['nft', '-f', '-'], input: addForward(table, address, port) }],
    undo: [{ argv: ['nft', '-f', '-'], input: `delete table ip ${table}\n` }],
    isApplied: { argv: ['nft', 'list', 'table', 'ip', table], needsRoot: true },
    outlivesReboot: true,
  };
}

/** nft(8): priority dstnat is -100 at prerouting; at output there is no name for it. */
function addForward(table: string, address: string, port: number): string {
  const rule = `fib daddr type local udp dport ${port} dnat to ${address}:${port}`;
  return `table ip ${table} {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ${rule}
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ${rule}
  }
}
`;
}
