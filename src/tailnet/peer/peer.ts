import type { ExecOptions, ExecResult } from '../../host/host.ts';
import type { DialEnd, DialRequest } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';

/** A member of the tailnet that ways are tried from. */
export interface Peer {
  /** `node vmkit-probe-1a2b3c, 100.64.0.3`. */
  readonly title: string;
  /** The machine's host itself: what it dials of its own is no evidence. */
  readonly isThisHost: boolean;
  /** Runs that node's `tailscale`. */
  tailscale(args: readonly string[], options: Pick<ExecOptions, 'withinMs' | 'signal' | 'onLine'>): Promise<ExecResult>;
  /** Runs a script for sh there as root, which fails where nobody is. Undefined: what it dials passes no kernel of its own, or the machine's host is watched anyway. */
  readonly asRoot?: (script: string, withinMs: number, onLine?: (line: string) => void) => Promise<string>;
  /** Dials from there. Never throws. */
  dial(to: Endpoint, request: DialRequest, withinMs: number): Promise<DialEnd>;
}

/** Ends by either: Ctrl-C, or that of one call. */
export function withSignal<T extends Pick<ExecOptions, 'signal'>>(options: T, signal: AbortSignal): T {
  return { ...options, signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]) };
}
