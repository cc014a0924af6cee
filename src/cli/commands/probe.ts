import type { ProbeReport } from '../../reach/report.ts';
import { targetOf } from '../../reach/target.ts';
import { loadVm } from '../../spec/load.ts';
import { defineCommand } from '../command.ts';
import { probe } from '../probe-flow.ts';
import { reportText } from '../report-text.ts';

export const command = defineCommand({
  usage: 'probe <vm> [service]',
  options: (yargs) =>
    yargs
      .positional('vm', { type: 'string', demandOption: true, describe: 'The machine' })
      .positional('service', { type: 'string', describe: 'Default: the first one that speaks HTTP' })
      .option('from', {
        choices: ['node', 'none'] as const,
        describe:
          "The peer: a node of vmkit's own, with the key in TS_AUTHKEY; or nobody. Default: a node where there is a key",
      }),
  run: async ({ vm, service, from }, context): Promise<ProbeReport> => {
    const spec = await loadVm(vm, context);
    return probe(spec, targetOf(spec, service), from, context);
  },
  text: reportText,
  exitCode: ({ ways }) => (ways.some(({ state }) => state === 'works') ? 0 : 6),
});
