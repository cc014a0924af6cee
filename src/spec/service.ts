import type { Protocol } from '../core/protocol.ts';
/**
 * A service as a value. The built-in ones (services/<name>.ts) and those that a person writes in vm.yaml are the same thing;
 * init/ turns it into an s6 service directory. All scripts are POSIX sh, run with `set -eu`, PATH set, and without secrets.
 */
export interface Service {
  /** `[a-z][a-z0-9-]*`, unique in the machine. */
  readonly name: string;
  /** Written by a person in vm.yaml: what it dials is not known. */
  readonly isOwn?: true;
  /** Services that must be *ready* before `setup` runs. */
  readonly needs: readonly string[];
  /** Debian packages that the root file system must hold. */
  readonly packages: readonly string[];
  /** Executables that are not in Debian, by component name: `forgejo`. Found in /opt/vmkit/bin. */
  readonly components: readonly string[];
  /** Component → the release that it must be; others as vmkit knows them. */
  readonly componentVersions?: Readonly<Record<string, string>>;
  /** The user that `run` and `ready` run as. Created at boot with a uid that depends on its name only. */
  readonly user: string;
  /**
   * What `run` keeps of root's rights (capabilities(7), without CAP_): none where it runs as a user. It gains no others, whatever it executes.
   * `all`: nothing is taken from it, as from a login.
   */
  readonly capabilities: readonly Capability[] | 'all';
  /** Others stand on it: where memory is short it is the last to be killed, and where the data disk is full the reserve is its own. */
  readonly isVital?: true;
  /** The most memory that it may have together with all that it starts, in MiB; undefined: all of the machine's. */
  readonly memoryMib?: number | undefined;
  /** The home folder on the data disk; always /data/<name>, owned by `user`, 0700. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs as root before `setup`: refuses data of another version. An upgrade tries a copy without it. */
  readonly guard?: string | undefined;
  /** Runs as root before each start, after `needs` are ready; must be idempotent. */
  readonly setup: string | undefined;
  /** Ends in `exec DAEMON`, in the foreground, logging to standard output or error. */
  readonly run: string;
  /** Exit 0 means: it really answers. Tried every `everyMs` until `withinSeconds` after the start. */
  readonly ready: {
    readonly check: string;
    /** Shell built-ins alone, in a script of vmkit's, by root: `check` is not tried before they succeed. So a wait costs no process. */
    readonly first?: string;
    /** Asked while it is ready, where `check` may be true of a process that hangs; else `check` is. */
    readonly still?: string;
    readonly everyMs: number;
    readonly withinSeconds: number;
  };
  /** Runs once as root after each time the service became ready (an administrator's account). Idempotent. Its success is part of being ready. */
  readonly afterReady: string | undefined;
  readonly stop: { readonly signal: StopSignal; readonly withinSeconds: number };
  /** What a backup asks of it, beside the instant in which the data disk stands still. */
  readonly backup?: ServiceBackup | undefined;
  /** Files made at boot. A content with `{{secret:NAME}}`, or `{{public:NAME}}` for the public half of a key, travels on the secrets disk only. */
  readonly files: readonly ServiceFile[];
  /** Secrets of this service: made once per machine, 0600 on the host, in the guest as /run/secrets/<service>/<name>, 0400, owned by `user`. */
  readonly secrets: readonly ServiceSecret[];
  readonly ports: readonly ServicePort[];
  /** Profiles of `check-kernel` that the kernel must satisfy. */
  readonly kernelProfiles?: readonly string[];
  /** Its pages name the address by which `vmkit expose` leads to them; secrets hold that, by these names. */
  readonly followsExpose?: { readonly url: string; readonly host: string };
  /** Set for a node of a tailnet. */
  readonly node?: TailnetNode;
  /** Set for a node of Nebula. */
  readonly nebula?: NebulaNode;
  /** Set where clients come in by WireGuard. */
  readonly wireguard?: WireguardTunnel;
}

/** Scripts of root's in the running guest. */
export interface ServiceBackup {
  /** Before and after the disk stands still: what the service holds in memory and does not write by itself. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  /** Prints what a restored copy must have as well, `NAME NUMBER` a line: the rows of a table. */
  readonly counts?: string | undefined;
  /** Succeeds where what it keeps is whole. Asked of a restored copy. */
  readonly verify?: string | undefined;
}

export interface NebulaNode {
  /** UDP: in the guest, and on this host. */
  readonly port: number;
  /** Names of clients; vmkit's own is not among them. */
  readonly clients: readonly string[];
  /** A name or an address at which clients find this host; undefined: this host's own address. */
  readonly endpoint?: string | undefined;
  /** In the overlay, with the length of its prefix: `10.89.0.1/24`. */
  readonly address: string;
}

export interface WireguardTunnel {
  /** The machine's, in the tunnel: `10.88.0.1`. */
  readonly address: string;
  /** UDP, in the guest and on this host. */
  readonly port: number;
  /** Where clients find this host; undefined: at the address by which it reaches the world. */
  readonly endpoint: string | undefined;
  /** In the order of their addresses. */
  readonly clients: readonly WireguardClient[];
  /** vmkit's own. */
  readonly probe: WireguardClient;
}

export interface WireguardClient {
  readonly name: string;
  /** In the tunnel: `10.88.0.2`. */
  readonly address: string;
  /** The name of the secret that is its private key. */
  readonly secret: string;
}

export interface TailnetNode {
  /** Ports at its tailnet address that lead to services of this machine. */
  readonly serve: readonly ServeEntry[];
  /** Networks that it routes: `192.168.100.0/24`. */
  readonly routes: readonly string[];
  /** Undefined: Tailscale's own. */
  readonly loginServer: string | undefined;
  /** What it is tagged with: `tag:web`. */
  readonly tags: readonly string[];
  /** Its name in the tailnet; undefined: the machine's. */
  readonly hostname: string | undefined;
  /** It never uses a network interface of the kernel. */
  readonly isUserspace: boolean;
  /** The names of the tailnet are in its /etc/hosts. */
  readonly writesHosts: boolean;
}

/** `tailscale serve`: this port of the tailnet address leads to that port of 127.0.0.1. */
export interface ServeEntry {
  readonly as: 'tcp' | 'http' | 'https';
  readonly port: number;
  readonly to: number;
}

/** Those that a service of vmkit needs. */
export type Capability = 'net_admin' | 'net_bind_service' | 'net_raw';

export type StopSignal = 'TERM' | 'INT' | 'QUIT' | 'HUP';

export interface ServiceFile {
  /** Absolute path in the guest. */
  readonly path: string;
  readonly mode: number;
  /** User name; root or the service's user. */
  readonly owner: string;
  readonly content: string;
}

export interface ServiceSecret {
  readonly name: string;
  /**
   * - password: 24 characters, letters and digits.
   * - key: 32 random bytes, base64url without padding (43 characters).
   * - hex: 32 random bytes as hex (64 characters).
   * - jwt: an HS256 token with only `nbf`, signed by a random key (Forgejo's INTERNAL_TOKEN).
   * - runner: 20 random bytes as hex (40 characters), which a runner of Forgejo is known by.
   * - made: by a step of its own that writes the file, such as a certificate.
   * - wireguard: a private key, X25519, 32 bytes in base64.
   */
  readonly kind: 'password' | 'key' | 'hex' | 'jwt' | 'runner' | 'made' | 'wireguard';
  /** Somebody else's key: it never enters the guest, which is given its public half at most. */
  readonly isHostOnly?: true;
  /** A secret of another machine, which that one makes; read on this host, not made here. */
  readonly from?: { readonly machine: string; readonly service: string; readonly name: string };
  /** A secret that a person gives: in this environment variable (itself, or file:PATH), or when asked. It may be absent once it was used, unless it is kept. */
  readonly given?: { readonly variable: string; readonly title: string; readonly isKept?: true };
  /** What it is while vmkit was told nothing else: it is not made then. */
  readonly otherwise?: string;
  /** Set for what a person needs to know; named at the end of `boot`: "administrator admin, password in FILE". */
  readonly tell: string | undefined;
}

export interface ServicePort {
  /** `web`, `ssh`, `sql`. */
  readonly name: string;
  /** In the guest. */
  readonly port: number;
  /** All are TCP but udp, which is for tunnels: whoever has no key gets nothing through, so it is open on every address of the host. */
  readonly protocol: Protocol;
  /** Port on 127.0.0.1 of the host; undefined: not forwarded. */
  readonly hostPort: number | undefined;
}
