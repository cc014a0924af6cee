import { randomBytes, randomUUID } from 'node:crypto';
import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { Host } from '../../host/host.ts';

/** Who a machine is. Made once; a rebuild changes nothing of it. */
const identitySchema = z.strictObject({
  /** 32 hex digits, as /etc/machine-id (machine-id(5)). */
  machineId: z.string().regex(/^[0-9a-f]{32}$/),
  /** ext4 UUID. */
  dataDiskUuid: z.uuid(),
  /** False until the data disk is in its place: from then on a missing one is never replaced. */
  hasDataDisk: z.boolean(),
  created: z.iso.datetime(),
  /** As whom its QEMU runs where root starts it. */
  uid: z.int().positive().optional(),
  /** The folder of the definition that it belongs to, on this computer. */
  definition: z.string().optional(),
  /** Its node in a tailnet, as its definition said when it was last started. */
  node: z.strictObject({ hostname: z.string(), loginServer: z.string().optional() }).optional(),
});

export type Identity = z.infer<typeof identitySchema>;
export type MachineNode = NonNullable<Identity['node']>;

/** The identity in a file; undefined where there is none. Throws `identity-damaged`. */
export async function readIdentity(path: string, host: Host): Promise<Identity | undefined> {
  const text = await host.readOurs(path);
  if (text === undefined) return undefined;
  try {
    return identitySchema.parse(JSON.parse(text));
  } catch (error) {
    throw new VmkitError('host', 'identity-damaged', `${path} cannot be read as a machine's identity.`, {
      hint: 'Restore this file from a backup. The data disk is untouched; vmkit does not use it without this file.',
      cause: error,
    });
  }
}

/** The machine's node in a tailnet, if its identity can be read and knows of one. */
export async function readNode(path: string, host: Host): Promise<MachineNode | undefined> {
  try {
    return (await readIdentity(path, host))?.node;
  } catch (error) {
    if (error instanceof VmkitError && error.code === 'identity-damaged') return undefined;
    throw error;
  }
}

export function newIdentity(): Identity {
  return {
    machineId: randomBytes(16).toString('hex'),
    dataDiskUuid: randomUUID(),
    hasDataDisk: false,
    created: new Date().toISOString(),
  };
}

export async function writeIdentity(path: string, identity: Identity, host: Host): Promise<void> {
  await host.write(path, `${JSON.stringify(identity, null, 2)}\n`, 0o600);
}
