import { durationSeconds } from '../../../core/duration.ts';
import { SERVICE_SOCKET } from '../../../tailnet/service/units.ts';
import { watchDaemon } from '../../../verbs/tailnet/watch.ts';
import { defineCommand } from '../../parse/command.ts';

export const command = defineCommand({
  usage: 'watch',
  options: (yargs) =>
    yargs
      .option('socket', { type: 'string', requiresArg: true, default: SERVICE_SOCKET, describe: 'Of that tailscaled' })
      .option('patience', { type: 'string', default: '5m', describe: 'How long nothing may be heard: 90s, 5m' }),
  run: async ({ socket, patience }, context): Promise<{ readonly socket: string }> => {
    await watchDaemon(socket, durationSeconds('--patience', patience) * 1000, context);
    return { socket };
  },
  text: () => '',
});
