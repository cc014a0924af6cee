import { lookAtThisHost } from '../../../reach/host/host-facts.ts';
import { type HostReport, judgeHost } from '../../../reach/host/judge-host.ts';
import type { Layer } from '../../../reach/report.ts';
import { findDaemon } from '../../../tailnet/daemon/find-daemon.ts';
import { defineCommand } from '../../parse/command.ts';
import { findingText } from '../../show/report-text.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'doctor',
  options: (yargs) => yargs,
  run: async (_args, context): Promise<HostReport> => {
    const daemon = await findDaemon(context);
    const found = daemon === undefined ? undefined : { socket: daemon.socket, foundBy: daemon.foundBy };
    return { daemon: found, ...judgeHost(await lookAtThisHost(daemon, context)) };
  },
  text: ({ daemon, layers, findings }) => {
    const head =
      daemon === undefined ? 'No tailscaled on this computer.' : `tailscaled at ${daemon.socket} (${daemon.foundBy})`;
    const rows = layers.map(({ state, title }) => [`  ${MARKS[state]}`, title]);
    return [head, '', table(rows), ...findings.map(findingText)].join('\n');
  },
  exitCode: ({ layers }) => (layers.some(({ state }) => state === 'failed') ? 6 : 0),
});

const MARKS: Readonly<Record<Layer['state'], string>> = { ok: 'ok', warned: '!', failed: 'NO', skipped: '-' };
