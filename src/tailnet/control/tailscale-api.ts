import * as z from 'zod';
import type { Control, Device } from './control.ts';
import type { ApiRequest } from './control-error.ts';
import { ask } from './request.ts';

/** An OAuth client, or a person's API key. */
export type Credentials = { readonly clientId: string; readonly clientSecret: string } | { readonly apiKey: string };

export interface TailscaleApi {
  readonly baseUrl: string;
  /** `-`: that of the credentials. */
  readonly tailnet: string;
  readonly credentials: Credentials;
}

const token = z.object({ access_token: z.string().min(1) });
const minted = z.object({ id: z.string(), key: z.string().min(1), expires: z.string().optional() });
const devices = z.object({
  devices: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      hostname: z.string().default(''),
      addresses: z.array(z.string()).default([]),
      tags: z.array(z.string()).default([]),
      lastSeen: z.string().optional(),
      connectedToControl: z.boolean().optional(),
    }),
  ),
});

/** Tailscale's API, version 2 (its own reference: OAuth token, tailnet keys, devices). */
export function tailscaleControl({ baseUrl, tailnet, credentials }: TailscaleApi, signal: AbortSignal): Control {
  let bearer: Promise<string> | undefined;
  const authorized = async (request: Omit<ApiRequest, 'headers' | 'url'>, path: string): Promise<ApiRequest> => {
    bearer ??= 'apiKey' in credentials ? Promise.resolve(credentials.apiKey) : fetchToken(baseUrl, credentials, signal);
    const headers = { authorization: `Bearer ${await bearer}`, 'content-type': 'application/json' };
    return { ...request, url: `${baseUrl}/api/v2/${path}`, headers };
  };
  const ofTailnet = `tailnet/${encodeURIComponent(tailnet)}`;
  return {
    title: `Tailscale's API, by ${'apiKey' in credentials ? 'an API key' : 'an OAuth client'}`,
    mintKey: async ({ isReusable, isEphemeral, isPreauthorized, tags, expirySeconds, description }) => {
      const create = { reusable: isReusable, ephemeral: isEphemeral, preauthorized: isPreauthorized, tags };
      const body = JSON.stringify({ capabilities: { devices: { create } }, expirySeconds, description });
      const request = await authorized({ doing: 'Making an auth key', method: 'POST', body }, `${ofTailnet}/keys`);
      const { id, key, expires } = await ask(request, minted, signal);
      return { id, key, expires };
    },
    devices: async () => {
      const request = await authorized({ doing: 'Listing the nodes', method: 'GET' }, `${ofTailnet}/devices`);
      return (await ask(request, devices, signal)).devices.map(
        ({ id, name, hostname, addresses, tags, lastSeen, connectedToControl }): Device => ({
          id,
          name: name.split('.')[0] ?? name,
          hostname,
          addresses,
          tags,
          lastSeen: lastSeen === undefined ? undefined : Date.parse(lastSeen),
          // headscale, which has this API too, tells of no connection, and when it was seen last only of one that is away.
          isOnline: connectedToControl ?? (lastSeen === undefined ? true : undefined),
        }),
      );
    },
    removeDevice: async (id) => {
      const path = `device/${encodeURIComponent(id)}`;
      await ask(await authorized({ doing: 'Removing a node', method: 'DELETE' }, path), z.unknown(), signal);
    },
  };
}

/** RFC 6749, 4.4: client credentials, for an hour. */
async function fetchToken(
  baseUrl: string,
  { clientId, clientSecret }: Extract<Credentials, { clientId: string }>,
  signal: AbortSignal,
): Promise<string> {
  const body = new URLSearchParams({
    client_id: clientId,
    client_secret: clientSecret,
    grant_type: 'client_credentials',
  }).toString();
  const request: ApiRequest = {
    doing: 'Logging in as an OAuth client',
    method: 'POST',
    url: `${baseUrl}/api/v2/oauth/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
    isRepeatable: true,
  };
  return (await ask(request, token, signal)).access_token;
}
