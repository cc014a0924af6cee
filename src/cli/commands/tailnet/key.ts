import { durationSeconds } from '../../../core/duration.ts';
import { requireControl } from '../../../tailnet/control/choose-control.ts';
import type { MintedKey } from '../../../tailnet/control/control.ts';
import { defineCommand } from '../../parse/command.ts';

export const command = defineCommand({
  usage: 'key',
  options: (yargs) =>
    yargs
      .option('tag', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'What its nodes are tagged with: tag:web; may be repeated. An OAuth client needs one',
      })
      .option('reusable', { type: 'boolean', default: false, describe: 'For more than one node' })
      .option('ephemeral', { type: 'boolean', default: false, describe: 'Its nodes are removed when they are away' })
      .option('preauthorized', {
        type: 'boolean',
        default: true,
        describe: 'Its nodes need no approval; --no-preauthorized if they do',
      })
      .option('expiry', { type: 'string', default: '1h', describe: 'How long nodes can join by it: 10m, 1h, 30d' }),
  run: async ({ tag, reusable, ephemeral, preauthorized, expiry }, { builder, signal }): Promise<MintedKey> => {
    const expirySeconds = durationSeconds('--expiry', expiry);
    const control = await requireControl(builder.host, signal);
    return control.mintKey({
      tags: tag.map((each) => (each.startsWith('tag:') ? each : `tag:${each}`)),
      isReusable: reusable,
      isEphemeral: ephemeral,
      isPreauthorized: preauthorized,
      expirySeconds,
      description: 'made by vmkit',
    });
  },
  // The one secret here that a person asks for: TS_AUTHKEY=$(vmkit tailnet key) vmkit boot …
  text: ({ key }) => key,
});
