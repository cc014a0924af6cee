/** What a new key lets a node do. */
export interface KeyRequest {
  /** For more than one node. */
  readonly isReusable: boolean;
  /** Its node is removed when it is away. */
  readonly isEphemeral: boolean;
  /** Its node need not be approved by a person. */
  readonly isPreauthorized: boolean;
  /** `tag:web`. A key of an OAuth client has at least one. */
  readonly tags: readonly string[];
  /** Seconds until a node can no longer join by it. */
  readonly expirySeconds: number;
  /** Shown in the list of keys. */
  readonly description: string;
}

export interface MintedKey {
  /** The secret. */
  readonly key: string;
  /** Names it where it is listed or taken back; it is none. */
  readonly id: string;
  /** ISO 8601. */
  readonly expires: string | undefined;
}

/** A node, as its control server lists it. */
export interface Device {
  readonly id: string;
  /** Its first label in the tailnet: `web-1`. */
  readonly name: string;
  /** The name that it gave itself: `web`. */
  readonly hostname: string;
  readonly addresses: readonly string[];
  readonly tags: readonly string[];
  /** Milliseconds since 1970; undefined where it was never seen. */
  readonly lastSeen: number | undefined;
  readonly isOnline: boolean | undefined;
}

/** A control server of a tailnet, for whoever may change it. */
export interface Control {
  /** For people: `Tailscale's API, by an OAuth client`. */
  readonly title: string;
  mintKey(request: KeyRequest): Promise<MintedKey>;
  devices(): Promise<readonly Device[]>;
  removeDevice(id: string): Promise<void>;
}
