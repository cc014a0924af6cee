import * as z from 'zod';

/** `tailscale status --json` (ipn/ipnstate/ipnstate.go, Status), as far as it is used. */
const peerStatus = z.object({
  HostName: z.string().default(''),
  DNSName: z.string().default(''),
  TailscaleIPs: z.array(z.string()).nullish(),
  AllowedIPs: z.array(z.string()).nullish(),
  PrimaryRoutes: z.array(z.string()).nullish(),
  Relay: z.string().default(''),
  Online: z.boolean().default(false),
  Expired: z.boolean().default(false),
  KeyExpiry: z.string().optional(),
});

export const tailscaleStatus = z.object({
  TUN: z.boolean().default(false),
  BackendState: z.string(),
  AuthURL: z.string().default(''),
  Health: z.array(z.string()).nullish(),
  Self: peerStatus,
  Peer: z.record(z.string(), peerStatus).nullish(),
});
export type TailscaleStatus = z.infer<typeof tailscaleStatus>;

/** `tailscale debug prefs` (ipn/prefs.go). */
export const tailscalePrefs = z.object({
  ControlURL: z.string(),
  RouteAll: z.boolean().default(false),
  CorpDNS: z.boolean().default(false),
  AdvertiseRoutes: z.array(z.string()).nullish(),
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

/** A port that a node serves, and the port of 127.0.0.1 behind it. */
export interface Served {
  readonly as: 'tcp' | 'http' | 'https';
  readonly port: number;
  readonly to: number;
}

/** The served ports of a configuration that lead to a port of the machine itself. */
export function servedPorts(config: ServeConfig): Served[] {
  return Object.entries(config.TCP ?? {}).flatMap(([text, entry]): Served[] => {
    const port = Number(text);
    if (entry.TCPForward !== undefined) return [{ as: 'tcp', port, to: portOf(entry.TCPForward) }];
    const web = Object.entries(config.Web ?? {}).find(([name]) => name.endsWith(`:${text}`))?.[1];
    const proxy = web?.Handlers?.['/']?.Proxy;
    return proxy === undefined ? [] : [{ as: entry.HTTPS === true ? 'https' : 'http', port, to: portOf(proxy) }];
  });
}

function portOf(target: string): number {
  return Number(/:(\d+)\/?$/.exec(target)?.[1] ?? 0);
}

/** Parses JSON by a schema; undefined for anything else. */
export function parseJson<T>(text: string | undefined, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
