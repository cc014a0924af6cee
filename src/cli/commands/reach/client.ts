import { renderUnicodeCompact } from 'uqr';
import { VmkitError } from '../../../core/errors/errors.ts';
import { nearest } from '../../../core/text/nearest.ts';
import { loadVm } from '../../../spec/read/load.ts';
import type { ClientKind } from '../../../verbs/reach/client-kind.ts';
import { nebulaClients } from '../../../verbs/reach/nebula-client.ts';
import { wireguardClients } from '../../../verbs/reach/wireguard.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE } from '../../parse/positionals.ts';

interface ClientConfiguration {
  readonly machine: string;
  readonly client: string;
  /** With the client's private key: the one secret that vmkit prints, since a person asks for it. */
  readonly configuration: string;
  /** The same as a QR code of block characters, where it was asked for. */
  readonly qr: string | undefined;
}

const KINDS: Readonly<Record<'wireguard' | 'nebula', ClientKind>> = {
  wireguard: wireguardClients,
  nebula: nebulaClients,
};

export const command = defineCommand({
  usage: 'client <vm> <name>',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .positional('name', { type: 'string', demandOption: true, describe: 'The name of the client in vm.yaml' })
      .option('via', {
        choices: ['wireguard', 'nebula'] as const,
        describe: 'Which of the two, if both have a client of that name. Default: wireguard',
      })
      .option('qr', { type: 'boolean', default: false, describe: "Print a QR code, for WireGuard's app on a phone" }),
  run: async ({ vm, name, via, qr }, context): Promise<ClientConfiguration> => {
    const spec = await loadVm(vm, context);
    const kinds = via === undefined ? Object.values(KINDS) : [KINDS[via]];
    const kind = kinds.find((each) => each.names(spec).includes(name));
    if (kind === undefined) {
      throw unknownClient(
        spec.name,
        name,
        kinds.flatMap((each) => each.names(spec)),
      );
    }
    if (qr && kind !== KINDS.wireguard) throw noQr(name);
    const configuration = await kind.configure(spec, name, context);
    return {
      machine: spec.name,
      client: name,
      configuration,
      qr: qr ? renderUnicodeCompact(configuration) : undefined,
    };
  },
  text: ({ configuration, qr }) => qr ?? configuration,
});

function unknownClient(machine: string, name: string, names: readonly string[]): VmkitError {
  const meant = nearest(name, names);
  const hint =
    names.length === 0
      ? 'Add to its services: - use: wireguard, or - use: nebula'
      : `${meant === undefined ? '' : `Did you mean ${meant}? `}Its clients: ${names.join(', ')}. New ones go at the end of \`clients\` in vm.yaml.`;
  return new VmkitError('usage', 'client-unknown', `${machine} has no client ${name}.`, { hint });
}

function noQr(name: string): VmkitError {
  return new VmkitError(
    'usage',
    'bad-usage',
    `vmkit client: ${name} is a client of Nebula, whose app reads no configuration from a QR code.`,
    {
      hint: 'Without --qr the configuration is printed: nebula -config FILE.',
    },
  );
}
