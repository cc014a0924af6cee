/** Where the kernel's packet filter looks at a packet (nft(8), "Hooks"). `said`: by a program of this machine; `left`: after everything else. */
export const HOOKS = ['arrived', 'delivered', 'forwarded', 'said', 'left'] as const;
export type Hook = (typeof HOOKS)[number];

/** Packets of one direction of one connection, as one hook saw them. */
export interface Sighting {
  /**
   * `arrived` and `left` are an interface's own word where it was listened to: then `entered` and `queued` are the first chain behind the interface and the last before it.
   * Else those chains are `arrived` and `left`. `passed`: it was addressed to the network card of another machine.
   */
  readonly hook: Hook | 'entered' | 'queued' | 'passed';
  /** All packets, those that take a connection (SYN and ACK), or those with data. */
  readonly kind: 'any' | 'taken' | 'data';
  /** The interface: `tailscale0`, `lo`. */
  readonly link: string;
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly packets: number;
}
