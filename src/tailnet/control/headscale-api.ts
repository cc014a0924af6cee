import * as z from 'zod';
import type { Control, KeyRequest } from './control.ts';
import type { ApiRequest } from './control-error.ts';
import { headscaleDevice, headscaleKey, headscaleUsers, theUser } from './headscale-json.ts';
import { ask } from './request.ts';

/** headscale's own names of these two variables are HEADSCALE_CLI_ADDRESS and HEADSCALE_CLI_API_KEY. */
export interface HeadscaleApi {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** The user whose nodes join by a key, by name. */
  readonly user: string | undefined;
}

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
      const { users } = await ask(request(doing, 'GET', path), z.object({ users: headscaleUsers }), signal);
      const body = { user: theUser(users, user), ...headscaleBody(wanted) };
      const answer = z.object({ preAuthKey: headscaleKey });
      return (await ask(request(doing, 'POST', 'preauthkey', body), answer, signal)).preAuthKey;
    },
    devices: async () => {
      const answer = z.object({ nodes: z.array(headscaleDevice) });
      return (await ask(request('Listing the nodes', 'GET', 'node'), answer, signal)).nodes;
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
