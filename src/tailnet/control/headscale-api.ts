import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Control, Device, KeyRequest, MintedKey } from './control.ts';
import type { ApiRequest } from './control-error.ts';
import { ask } from './request.ts';

/** headscale's own names of these two variables are HEADSCALE_CLI_ADDRESS and HEADSCALE_CLI_API_KEY. */
export interface HeadscaleApi {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** The user whose nodes join by a key, by name. */
  readonly user: string | undefined;
}

const users = z.object({ users: z.array(z.object({ id: z.string(), name: z.string() })) });
const headscaleKey = z.object({
  id: z.string(),
  key: z.string().min(1),
  expiration: z.unknown(),
});
const headscaleNode = z.object({
  id: z.string(),
  name: z.string().default(''),
  givenName: z.string().optional(),
  ipAddresses: z.array(z.string()).default([]),
  forcedTags: z.array(z.string()).nullish(),
  validTags: z.array(z.string()).nullish(),
  tags: z.array(z.string()).nullish(),
  lastSeen: z.string().nullish(),
  online: z.boolean().optional(),
});

/** headscale's HTTP API, version 1 (its OpenAPI description: preauthkey, node, user). */
export function headscaleControl({ baseUrl, apiKey, user }: HeadscaleApi, signal: AbortSignal): Control {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const request = (doing: string, method: ApiRequest['method'], path: string, body?: object): ApiRequest => ({
    doing,
    method,
    url: `${baseUrl}/api/v1/${path}`,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    title: "headscale's API",
    mintKey: async (wanted) => {
      const doing = 'Making an auth key';
      const path = user === undefined ? 'user' : `user?name=${encodeURIComponent(user)}`;
      const found = (await ask(request(doing, 'GET', path), users, signal)).users;
      const body = { user: theUser(found, user), ...headscaleBody(wanted) };
      const answer = z.object({ preAuthKey: headscaleKey });
      return headscaleMinted((await ask(request(doing, 'POST', 'preauthkey', body), answer, signal)).preAuthKey);
    },
    devices: async () => {
      const answer = z.object({ nodes: z.array(headscaleNode) });
      return (await ask(request('Listing the nodes', 'GET', 'node'), answer, signal)).nodes.map(headscaleDevice);
    },
    removeDevice: async (id) => {
      await ask(request('Removing a node', 'DELETE', `node/${encodeURIComponent(id)}`), z.unknown(), signal);
    },
  };
}

function headscaleBody({ isReusable, isEphemeral, tags, expirySeconds }: KeyRequest): object {
  const expiration = new Date(Date.now() + expirySeconds * 1000).toISOString();
  return { reusable: isReusable, ephemeral: isEphemeral, expiration, aclTags: tags };
}

function headscaleMinted({ id, key, expiration }: z.output<typeof headscaleKey>): MintedKey {
  return { id, key, expires: typeof expiration === 'string' ? expiration : undefined };
}

function headscaleDevice(node: z.output<typeof headscaleNode>): Device {
  return {
    id: node.id,
    name: node.givenName ?? node.name,
    hostname: node.name,
    addresses: node.ipAddresses,
    tags: node.tags ?? [...(node.forcedTags ?? []), ...(node.validTags ?? [])],
    lastSeen: typeof node.lastSeen === 'string' ? Date.parse(node.lastSeen) : undefined,
    isOnline: node.online,
  };
}

function theUser(found: z.output<typeof users>['users'], wanted: string | undefined): string {
  const [one, ...others] = wanted === undefined ? found : found.filter(({ name }) => name === wanted);
  if (one !== undefined && others.length === 0) return one.id;
  const names = found.map(({ name }) => name).join(', ');
  const what = one === undefined ? `there is no user ${wanted ?? 'at all'}` : `there are several users: ${names}`;
  throw new VmkitError('usage', 'control-refused', `Making an auth key: ${what} at headscale.`, {
    hint: 'HEADSCALE_USER=NAME says whose nodes join by the key.',
  });
}
