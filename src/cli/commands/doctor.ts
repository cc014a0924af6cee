import { archOf } from '../../core/arch.ts';
import { ALL_GROUPS, findMissing, howToInstall, requireTools, toolGroups, toolsOf } from '../../host/tools/tools.ts';
import { findManager } from '../../host/tools/tools-install.ts';
import { TOOL_GROUPS, type ToolGroup } from '../../host/tools/tools-table.ts';
import { defineCommand } from '../parse/command.ts';

interface GroupReport {
  readonly group: ToolGroup;
  readonly purpose: string;
  readonly found: readonly string[];
  readonly missing: readonly string[];
}

interface DoctorReport {
  readonly groups: readonly GroupReport[];
  /** What a person does to get what is missing: a command, then what no package manager can do. */
  readonly install: readonly string[];
}

export const command = defineCommand({
  usage: 'doctor',
  options: (yargs) =>
    yargs.option('setup', { type: 'boolean', default: false, describe: 'Install what is missing' }).option('all', {
      type: 'boolean',
      default: false,
      describe: 'Include what compiling kernels, other architectures and the tests need',
    }),
  run: async (args, context): Promise<DoctorReport> => {
    const facts = await context.host.facts();
    const groups = args.all ? ALL_GROUPS : toolGroups(archOf(facts.machine) ?? 'x86_64');
    if (args.setup) await requireTools(groups, context, { setup: true });
    const missing = findMissing(groups, facts);
    return {
      groups: groups.map((group) => {
        const tools = toolsOf([group], facts);
        return {
          group,
          purpose: TOOL_GROUPS[group],
          found: tools.filter((tool) => !missing.includes(tool)).map((tool) => tool.name),
          missing: tools.filter((tool) => missing.includes(tool)).map((tool) => tool.name),
        };
      }),
      install: howToInstall(missing, findManager(), facts),
    };
  },
  text: doctorText,
  exitCode: ({ install }) => (install.length === 0 ? 0 : 3),
});

function doctorText({ groups, install }: DoctorReport): string {
  const lines = groups.map(({ group, purpose, found, missing }) => {
    const state =
      missing.length === 0 ? `ok: ${found.join(', ') || 'nothing more needed'}` : `missing: ${missing.join(', ')}`;
    return `${group.padEnd(15)} ${purpose.padEnd(44)} ${state}`;
  });
  if (install.length === 0) return [...lines, '', 'Everything is there.'].join('\n');
  return [
    ...lines,
    '',
    'To get what is missing (vmkit doctor --setup does what a package manager can):',
    ...install.map((line) => `  ${line}`),
  ].join('\n');
}
