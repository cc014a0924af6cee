import { join } from 'node:path';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import type { Context } from '../../host/context.ts';
import { readText } from '../../host/read-text.ts';
import { endpointText } from '../../net/endpoint.ts';
import { clientFile, nebulaFolder } from '../../secrets/nebula-certificates.ts';
import { type NebulaClient, nebulaClientConfig } from '../../spec/services/nebula-config.ts';
import { nebulaOf } from '../nebula-certificates.ts';
import type { ClientKind } from './client-kind.ts';
import { addressElsewhere } from './tunnel-endpoint.ts';

/** The clients of a machine's Nebula. */
export const nebulaClients: ClientKind = {
  names: (spec) => nebulaOf(spec)?.clients ?? [],
  configure: async (spec, name, context) => {
    const node = nebulaOf(spec);
    const client = await readNebulaClient(spec.name, name, context);
    if (node !== undefined && client !== undefined) {
      const name = node.endpoint ?? (await addressElsewhere(spec, context.host));
      const endpoint = endpointText({ address: name, port: node.port });
      return nebulaClientConfig({ node, endpoint, ...client });
    }
    throw new VmkitError('usage', 'client-without-key', `The client ${name} of ${spec.name} has no certificate yet.`, {
      hint: `Certificates are made when the machine boots: vmkit stop ${spec.name} && vmkit boot ${spec.name}`,
    });
  },
};

/** What a client holds, from the machine's secrets; undefined where it was not made yet. */
export async function readNebulaClient(
  machine: string,
  client: string,
  { host, paths }: Pick<Context, 'host' | 'paths'>,
): Promise<Pick<NebulaClient, 'ca' | 'certificate' | 'key'> | undefined> {
  const folder = nebulaFolder(machinePaths(paths, machine));
  const read = (file: string): Promise<string> => readText(join(folder, file), host);
  const ca = await read('ca.crt');
  const certificate = await read(`${clientFile(client)}.crt`);
  const key = await read(`${clientFile(client)}.key`);
  return ca === '' || certificate === '' || key === '' ? undefined : { ca, certificate, key };
}
