import { resolve } from 'node:path';
import { renderPage } from '../../../reach/page/page.ts';
import type { ProbeReport } from '../../../reach/report.ts';
import { targetOf } from '../../../reach/target.ts';
import { loadVm } from '../../../spec/read/load.ts';
import { probe } from '../../../verbs/reach/probe.ts';
import { peerKind } from '../../../verbs/reach/probe-peer.ts';
import { defineCommand } from '../../parse/command.ts';
import { MACHINE, SERVICE } from '../../parse/positionals.ts';
import { reportText } from '../../show/report-text.ts';

export const command = defineCommand({
  usage: 'probe <vm> [service]',
  options: (yargs) =>
    yargs
      .positional('vm', MACHINE)
      .positional('service', SERVICE)
      .option('from', {
        type: 'string',
        requiresArg: true,
        coerce: peerKind,
        describe:
          "Where to look from. node: a temporary node on this computer that joins by the key in TS_AUTHKEY. host: the Tailscale of the machine's host. ssh://[USER@]HOST[:PORT]: another computer. none: nowhere, so no way is tried. Default: node if TS_AUTHKEY is set, else none",
      })
      .option('html', {
        type: 'string',
        requiresArg: true,
        describe: 'Write a page with a picture and all evidence to this file, on this computer',
      }),
  run: async ({ vm, service, from, html }, context): Promise<ProbeReport> => {
    const spec = await loadVm(vm, context);
    const report = await probe(spec, targetOf(spec, service), from, context);
    if (html !== undefined) await context.builder.host.write(resolve(html), renderPage(report));
    return report;
  },
  text: reportText,
  // Where a peer was wanted and none could look, nothing is known to work.
  exitCode: ({ ways, beside }) => {
    const isOpen = beside.every(({ cause }) => cause !== 'peer-not-joined');
    return ways.some(({ state }) => state === 'works' || state === 'degraded' || (isOpen && state === 'untried'))
      ? 0
      : 6;
  },
});
