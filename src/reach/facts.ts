import type { DialEnd } from '../net/dial.ts';
import type { ServicePort, TailnetNode, WireguardTunnel } from '../spec/service.ts';
import type { ServeConfig, TailscalePrefs, TailscaleStatus } from '../tailnet/tailscale-json.ts';
import type { Watches } from './follow/steps.ts';
import type { GuestFacts } from './look/guest/guest-facts.ts';
import type { PhoneFacts } from './look/phone-facts.ts';
import type { NebulaFacts } from './look/tunnels/nebula-facts.ts';
import type { Observation } from './observation.ts';

/** A port of a machine, as a probe asks for it. */
export interface Target {
  readonly machine: string;
  /** The service's name. */
  readonly name: string;
  /** In the guest. */
  readonly port: number;
  readonly protocol: ServicePort['protocol'];
  /** On 127.0.0.1 of the host; undefined: not forwarded. */
  readonly hostPort: number | undefined;
  /** On this host's bridge; undefined: it is not there. */
  readonly bridgeAddress: string | undefined;
}

/** How a dial ended, as an observation. */
export interface Dial extends Omit<DialEnd, 'text'> {
  readonly observation: Observation;
  /** Where the answer sends one on to, tried from there; undefined: it does not, or nobody tried. */
  readonly redirect?: Redirect | undefined;
}

export interface Redirect {
  /** `http://localhost:3000/`. */
  readonly location: string;
  /** Why a peer does not get there; undefined: it does. */
  readonly whyNot: string | undefined;
  /** It leads back to where one was already. */
  readonly isLoop?: true;
  /** Of the page of this server that it leads to, where that is an error. */
  readonly status?: number | undefined;
}

/** What a tailnet peer saw. */
export interface PeerFacts {
  readonly title: string;
  /** In the tailnet; undefined where it was not asked. */
  readonly address: string | undefined;
  /** The guest's node, as it is dialled; undefined where it was not. */
  readonly node: string | undefined;
  /** What the peer's own Tailscale knows; undefined where it was not asked. */
  readonly status: Observation | undefined;
  /** Whether the peer knows the guest's node; undefined where that was not asked. */
  readonly knowsNode: boolean | undefined;
  /** Whether names of the tailnet are resolved at the peer; undefined where that was not asked. */
  readonly resolvesNames: boolean | undefined;
  /** `tailscale ping` until the path is direct, for some seconds. */
  readonly directPing: Observation | undefined;
  /** `tailscale ping` of the guest. */
  readonly ping: Observation | undefined;
  /** The same with the largest message that the tunnel sends. */
  readonly largePing: Observation | undefined;
  /** The same from the guest to the peer. */
  readonly largePingBack: Observation | undefined;
  /** Dials of the guest's tailnet address, by port. */
  readonly dials: ReadonlyMap<number, Dial>;
  /** The same by the node's address of the other family; undefined where one of both has none. */
  readonly otherFamily: OtherFamily | undefined;
  /** The dial of what this host serves. */
  readonly proxyDial: Dial | undefined;
  /** Undefined where no route to the machine's bridge address is approved. */
  readonly routed: RoutedFacts | undefined;
  /** The dial of the machine's port at the address of the phone's VPN. */
  readonly phoneDial?: Dial | undefined;
}

/** Dials of the guest's node by its other address. */
export interface OtherFamily {
  readonly node: string;
  /** The peer's own address of that family. */
  readonly from: string;
  /** By port. */
  readonly dials: ReadonlyMap<number, Dial>;
}

/** The machine's bridge address, as a peer goes there. */
export interface RoutedFacts {
  readonly prefs: Observation;
  readonly acceptsRoutes: boolean;
  /** What the peer knows of other nodes. */
  readonly nodes: Observation;
  /** The tailnet address of the router that it takes; undefined: it knows none. */
  readonly via: string | undefined;
  readonly dial: Dial | undefined;
}

/** A node of the tailnet that a way may lead through: this host, or another machine. */
export interface NodeFacts {
  /** `this host`, `the machine router`. */
  readonly title: string;
  /** The machine's name; undefined: this host. */
  readonly machine: string | undefined;
  readonly observed: ReadonlyMap<string, Observation>;
  readonly status: TailscaleStatus | undefined;
  readonly serve: ServeConfig | undefined;
  readonly prefs: TailscalePrefs | undefined;
  /** Its interface in the tailnet: `tailscale0`. */
  readonly link: string;
}

/** The machine's WireGuard, from this host and from a client of vmkit's own. */
export interface WireguardFacts {
  /** As the definition has it. */
  readonly tunnel: WireguardTunnel;
  /** The public key of vmkit's own client; undefined where none was made yet. */
  readonly clientKey: string | undefined;
  /** The machine's public key, as its clients were told it; undefined where none was made yet. */
  readonly machineKey: string | undefined;
  /** False: this host would have to be told first to send its UDP port there. */
  readonly isSetUp: boolean;
  /** Who else has the UDP port of this host; undefined: nobody. */
  readonly takenBy: string | undefined;
  /** Whether the UDP port leads to the guest; undefined where this host has no part in it. */
  readonly forward: Observation | undefined;
  /** Undefined where nobody dialled, as where something below is wrong. */
  readonly handshake: Observation | undefined;
  /** The UDP port of this computer that the client sent from. */
  readonly sentFrom?: number | undefined;
  /** Without a handshake it ended as that one did. */
  readonly dial: Dial | undefined;
  /** Why this computer could not dial, whatever is right below. */
  readonly whyUntried?: string | undefined;
}

/** The machine's network on its host. */
export interface HostNetworkFacts {
  /** Its exit code is 0 where all is as vmkit made it. */
  readonly observation: Observation;
  /** What makes it so again, as a person types it. */
  readonly fix: string;
}

/** All that was looked at; judging it is pure. */
export interface Facts {
  readonly target: Target;
  /** The machine as a node of a tailnet, as its definition has it; undefined: it is none, or nobody asked. */
  readonly node?: TailnetNode | undefined;
  /** Undefined where the host is no phone, or was not asked. */
  readonly phone?: PhoneFacts | undefined;
  /** Undefined where vmkit made none for the machine, or on a phone. */
  readonly hostNetwork?: HostNetworkFacts | undefined;
  /** Undefined: the guest was not reached, and why. */
  readonly guest: GuestFacts | undefined;
  readonly guestError: string | undefined;
  /** Whether the machine's host is this computer: what its clients send comes there with the port that they sent it from. */
  readonly isHostHere: boolean;
  /** How the guest was looked at. */
  readonly guestBy: 'ssh' | 'console';
  /** What holds the guest, as its QEMU says; undefined: nothing. */
  readonly guestHeld?: string | undefined;
  /** It took a login, and did not answer in time. */
  readonly guestIsSlow?: boolean;
  /** The peer's question, asked inside the guest; undefined where it was not. */
  readonly asked: Dial | undefined;
  /** What each place saw while the peer dialled once more; undefined where no dial failed. */
  readonly watches?: Watches | undefined;
  /** Why a peer that was wanted did not look. */
  readonly peerError: string | undefined;
  /** A dial of the control server from this host, where no peer could join; undefined: nobody tried. */
  readonly control?: Observation | undefined;
  /** Undefined where nobody looked from a peer. */
  readonly peer: PeerFacts | undefined;
  /** Undefined where this host has no Tailscale. */
  readonly proxy: NodeFacts | undefined;
  /** Another machine that routes the bridge; undefined where there is none. */
  readonly router: NodeFacts | undefined;
  /** Undefined where the machine is no node of Nebula. */
  readonly nebula?: NebulaFacts | undefined;
  /** Undefined where the machine has no WireGuard. */
  readonly wireguard: WireguardFacts | undefined;
}
