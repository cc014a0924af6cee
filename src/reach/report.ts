/** The ways in. */
export type WayId =
  | 'guest-serve-tun'
  | 'guest-serve-userspace'
  | 'guest-direct'
  | 'host-proxy'
  | 'host-subnet-router'
  | 'guest-subnet-router'
  | 'wireguard-direct'
  | 'nebula'
  | 'phone-app-router'
  | 'phone-port';

/** Where something is looked at from. */
export type Vantage = 'guest' | 'host' | 'peer' | 'router';

/** The places that a packet passes, from the person to the service. */
export type HopId = 'peer' | 'relay' | 'control' | 'host' | 'router' | 'guest' | 'tailscaled' | 'loopback' | 'backend';

/** What was run, and what it said. */
export interface Evidence {
  readonly vantage: Vantage;
  /** As a person would type it there. */
  readonly command: string;
  readonly output: string;
}

/**
 * One layer of a way, from the bottom up.
 * - ok, failed: it was looked at.
 * - warned: something is wrong there that the way does not stand on.
 * - skipped: a lower one failed, so it says nothing by itself.
 */
export interface Layer {
  readonly id: string;
  /** What holds when it is ok: `loopback is up`. */
  readonly title: string;
  readonly hop: HopId;
  readonly state: 'ok' | 'warned' | 'failed' | 'skipped';
  readonly evidence: readonly Evidence[];
}

/**
 * One place that the peer's connection passes, in the order of time, and what was seen of it there.
 * - seen: its packets.
 * - passed: not seen, but a later place saw them.
 * - missing: the first place that did not see what the one before sent.
 * - unknown: behind that, or nobody could look there.
 */
export interface TrailStep {
  readonly hop: HopId;
  /** Where it was watched. */
  readonly place: 'peer' | 'guest' | 'host' | 'router';
  /** What happens there when all is well. */
  readonly title: string;
  readonly state: 'seen' | 'passed' | 'missing' | 'unknown';
  /** `3 packets on tailscale0, 100.64.0.4:40112 to 100.64.0.3:3000`; empty: none. */
  readonly seen: string;
}

/** Why a way fails, in words that a person can act on. */
export interface Finding {
  /** Stable, kebab-case: `loopback-down`. */
  readonly cause: string;
  readonly hop: HopId;
  /** `loopback is down in the guest`. */
  readonly title: string;
  /** What was seen, in one line: `dial tcp 127.0.0.1:3000: i/o timeout`. */
  readonly observed: string;
  /** The next thing to do: a command where there is one. */
  readonly fix: string;
}

/** What is known about one way in. */
export interface Verdict {
  readonly way: WayId;
  /**
   * - works: a peer got a whole answer of the service's own protocol.
   * - degraded: the same, with something that a person will notice, or that may break it soon: `finding`.
   * - untried: nothing is wrong as far as was looked, and nobody looked from a peer.
   * - unavailable: this machine, host or definition does not offer it; that is no failure.
   */
  readonly state: 'works' | 'degraded' | 'untried' | 'fails' | 'unavailable';
  /** What a person types at the peer; undefined when nobody knows it. */
  readonly address: string | undefined;
  /** From the dial to the first byte at the peer; undefined when there was none. */
  readonly firstByteMs: number | undefined;
  /** From the dial to the end of the answer; undefined when there was none. */
  readonly wholeMs: number | undefined;
  /** Set when it fails or is degraded. */
  readonly finding: Finding | undefined;
  /** What is wrong beside, though the way works. */
  readonly warnings: readonly Finding[];
  /** Set when it is unavailable: `the host has no Tailscale`; and when it is untried for a reason. */
  readonly reason: string | undefined;
  readonly layers: readonly Layer[];
  /**
   * The connection's own way, and the answer's way back. Where the first dial was not answered soon, as it was
   * watched while the peer dialled once more; where it
   * was, the answer is the proof. Empty where nobody dialled.
   */
  readonly trail: readonly TrailStep[];
}

/** What `vmkit probe` found. */
export interface ProbeReport {
  readonly machine: string;
  /** The port of the machine that the ways lead to. */
  readonly service: { readonly name: string; readonly port: number };
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly tookMs: number;
  /** Who looked: `peer: ephemeral node vmkit-probe-1a2b, 100.64.0.3`. */
  readonly vantages: readonly { readonly vantage: Vantage; readonly title: string }[];
  readonly ways: readonly Verdict[];
  /** What is wrong beside the ways: the guest takes no ssh, no peer could look. */
  readonly beside: readonly Finding[];
}
