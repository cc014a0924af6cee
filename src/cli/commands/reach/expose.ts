import { isTunnel } from '../../../reach/hops.ts';
import { targetOf } from '../../../reach/target.ts';
import { VIAS } from '../../../reach/vias.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { type Exposed, expose } from '../../../verbs/reach/expose.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE, SERVICE } from '../../parse/positionals.ts';

export const command = defineCommand({
  usage: 'expose <vm> [service]',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .positional('service', SERVICE)
      .option('via', {
        choices: ['auto', ...VIAS] as const,
        default: 'auto' as const,
        describe:
          "Which way. guest: `tailscale serve` in the machine. proxy: `tailscale serve` on its host. subnet: the host routes to the address of the machine on the bridge. wireguard, nebula: for clients with a key (vmkit client), by a UDP port of the host. app: the Tailscale app of a phone routes. port: a port at the address of a phone's VPN. auto: the first of these that works",
      }),
  run: async ({ vm, service, via }, context): Promise<Exposed> => {
    const spec = await loadVm(vm, context);
    return expose(spec, targetOf(spec, service), via === 'auto' ? VIAS : [via], context);
  },
  text: ({ machine, way, address, firstByteMs, whyUntried, isNew }) => {
    const seen =
      firstByteMs === undefined
        ? `not tried from a peer: ${whyUntried ?? 'TS_AUTHKEY=file:PATH does'}`
        : `a peer had the first byte after ${firstByteMs} ms`;
    const next = isTunnel(way)
      ? `\nA client's configuration: vmkit client ${machine} NAME${way === 'nebula' ? '' : ', --qr for a phone'}.`
      : '';
    return `${address}\n${isNew ? 'Served' : 'Served already'}; ${seen}.${next}`;
  },
});
