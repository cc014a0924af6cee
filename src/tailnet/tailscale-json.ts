import * as z from 'zod';
import type { ServeEntry, TailnetNode } from '../spec/service.ts';

/** `tailscale status --json` (ipn/ipnstate/ipnstate.go, Status), as far as it is used. */
const selfStatus = z.object({
  DNSName: z.string().default(''),
  TailscaleIPs: z.array(z.string()).nullish(),
  AllowedIPs: z.array(z.string()).nullish(),
  Relay: z.string().default(''),
  Expired: z.boolean().default(false),
  /** Whether its connection to the control server is open (ipnlocal: GetInPollNetMap). */
  Online: z.boolean().optional(),
  KeyExpiry: z.string().optional(),
});

/** What a node knows of another one. `CurAddr` is empty while all goes through the relay. */
const peerStatus = z.object({
  HostName: z.string().default(''),
  DNSName: z.string().default(''),
  TailscaleIPs: z.array(z.string()).nullish(),
  AllowedIPs: z.array(z.string()).nullish(),
  CurAddr: z.string().default(''),
  Relay: z.string().default(''),
  LastHandshake: z.string().optional(),
  Online: z.boolean().optional(),
  /** `linux`, `iOS`. */
  OS: z.string().default(''),
  Tags: z.array(z.string()).nullish(),
  /** Of its Tailscale itself, over HTTP: `http://100.64.0.1:58436`. */
  PeerAPIURL: z.array(z.string()).nullish(),
});

export const tailscaleStatus = z.object({
  TUN: z.boolean().default(false),
  BackendState: z.string(),
  Health: z.array(z.string()).nullish(),
  Self: selfStatus,
  /** Names that it may have certificates for; none where HTTPS is off in the tailnet. */
  CertDomains: z.array(z.string()).nullish(),
  CurrentTailnet: z.object({ MagicDNSEnabled: z.boolean().default(false) }).nullish(),
  Peer: z.record(z.string(), peerStatus).nullish(),
});
export type TailscaleStatus = z.infer<typeof tailscaleStatus>;

/** `tailscale debug prefs` (ipn/prefs.go). */
export const tailscalePrefs = z.object({
  ControlURL: z.string(),
  RouteAll: z.boolean().default(false),
  /** accept-dns: whether names of the tailnet are resolved there. */
  CorpDNS: z.boolean().default(true),
  ShieldsUp: z.boolean().default(false),
  AdvertiseRoutes: z.array(z.string()).nullish(),
  /** 0: no rules, 1: rules that nothing leads to, 2: on (types/preftype). */
  NetfilterMode: z.int().optional(),
  /** Whether a router lets in packets of connections that it does not know; unset where nobody said. */
  NoStatefulFiltering: z.union([z.boolean(), z.string()]).nullish(),
});
export type TailscalePrefs = z.infer<typeof tailscalePrefs>;

/** `tailscale serve status --json` (ipn/serve.go, ServeConfig). */
export const serveConfig = z.object({
  TCP: z
    .record(
      z.string(),
      z.object({ TCPForward: z.string().optional(), HTTP: z.boolean().optional(), HTTPS: z.boolean().optional() }),
    )
    .nullish(),
  Web: z
    .record(
      z.string(),
      z.object({ Handlers: z.record(z.string(), z.object({ Proxy: z.string().optional() })).nullish() }),
    )
    .nullish(),
});
export type ServeConfig = z.infer<typeof serveConfig>;

/** A serve entry as it is set up, which may lead from a path of a site: `/app/`. Without one: `/`. */
export interface Served extends ServeEntry {
  readonly path: string;
  /** The host that it leads to: `127.0.0.1`, as it was given. */
  readonly at: string;
}

/** The entries of a definition that lead to this port, where nobody told what is set up. */
export function plannedFor(node: Pick<TailnetNode, 'serve'> | undefined, port: number): Served[] {
  return (node?.serve ?? []).filter(({ to }) => to === port).map((entry) => ({ ...entry, path: '/', at: '127.0.0.1' }));
}

/** The entries of a configuration that lead to this port, those of the node's own 127.0.0.1 and of a whole site first. */
export function servedTo(config: ServeConfig | undefined, port: number | undefined): Served[] {
  const found = servedPorts(config).filter(({ to }) => to === port);
  return found.sort((one, other) => Number(!isOwn(one)) - Number(!isOwn(other)) || one.path.length - other.path.length);
}

/** Whether an entry leads to 127.0.0.1. */
export function isOwn({ at }: Served): boolean {
  return at === 'localhost' || at === '[::1]' || at.startsWith('127.');
}

/** All entries of a configuration. */
export function servedPorts(config: ServeConfig | undefined): Served[] {
  return Object.entries(config?.TCP ?? {}).flatMap(([text, entry]): Served[] => {
    const port = Number(text);
    if (entry.TCPForward !== undefined) return [{ as: 'tcp', port, ...targetOf(entry.TCPForward), path: '/' }];
    const web = Object.entries(config?.Web ?? {}).find(([name]) => name.endsWith(`:${text}`))?.[1];
    const as = entry.HTTPS === true ? 'https' : 'http';
    return Object.entries(web?.Handlers ?? {}).flatMap(([path, { Proxy: proxy }]): Served[] =>
      proxy === undefined ? [] : [{ as, port, ...targetOf(proxy), path: path.endsWith('/') ? path : `${path}/` }],
    );
  });
}

/** Of `127.0.0.1:3000`, `http://localhost:3000/app`. */
function targetOf(text: string): Pick<Served, 'to' | 'at'> {
  const [, at = '', to = 0] = /^(?:[a-z+]+:\/\/)?(.*):(\d+)(?:\/|$)/.exec(text) ?? [];
  return { at, to: Number(to) };
}

/** A name as people type it: the tailnet's end with a dot. */
export function withoutDot(dnsName: string): string {
  return dnsName.replace(/\.$/, '');
}
