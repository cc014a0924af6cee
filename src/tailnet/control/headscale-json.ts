import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Device, MintedKey } from './control.ts';

/**
 * What headscale tells of itself in JSON, by its API and by its command. Names are in camel case, as its API has them; the command of headscale 0.28 and older writes them
 * with underscores, numbers as numbers, and moments as seconds (protobuf's Go structs).
 */
const camelCase = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value).map(([name, each]) => [
          name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()),
          each,
        ]),
      )
    : value;
const id = z.union([z.string(), z.number()]).transform(String);
/** ISO 8601, or protobuf's. */
const moment = z
  .union([
    z.string(),
    z.object({ seconds: z.number() }).transform(({ seconds }) => new Date(seconds * 1000).toISOString()),
  ])
  .nullish();

export const headscaleUsers = z.array(z.object({ id, name: z.string() }));
export type HeadscaleUsers = z.output<typeof headscaleUsers>;

export const headscaleKey = z
  .object({ id, key: z.string().min(1), expiration: moment })
  .transform(({ id, key, expiration }): MintedKey => ({ id, key, expires: expiration ?? undefined }));

export const headscaleDevice = z
  .preprocess(
    camelCase,
    z.object({
      id,
      name: z.string().default(''),
      givenName: z.string().optional(),
      ipAddresses: z.array(z.string()).nullish(),
      forcedTags: z.array(z.string()).nullish(),
      validTags: z.array(z.string()).nullish(),
      tags: z.array(z.string()).nullish(),
      lastSeen: moment,
      online: z.boolean().optional(),
    }),
  )
  .transform(
    (node): Device => ({
      id: node.id,
      name: node.givenName ?? node.name,
      hostname: node.name,
      addresses: node.ipAddresses ?? [],
      tags: node.tags ?? [...(node.forcedTags ?? []), ...(node.validTags ?? [])],
      lastSeen: typeof node.lastSeen === 'string' ? Date.parse(node.lastSeen) : undefined,
      // Its command leaves out what is false.
      isOnline: node.online ?? false,
    }),
  );

/** The id of the user whose nodes join by a key. Throws `control-refused` where that is nobody, or one of several. */
export function theUser(found: HeadscaleUsers, wanted: string | undefined): string {
  const [one, ...others] = wanted === undefined ? found : found.filter(({ name }) => name === wanted);
  if (one !== undefined && others.length === 0) return one.id;
  const names = found.map(({ name }) => name).join(', ');
  const what = one === undefined ? `there is no user ${wanted ?? 'at all'}` : `there are several users: ${names}`;
  throw new VmkitError('usage', 'control-refused', `Making an auth key: ${what} at headscale.`, {
    hint: 'HEADSCALE_USER=NAME says whose nodes join by the key.',
  });
}
