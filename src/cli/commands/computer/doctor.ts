import { archOf } from '../../../core/arch.ts';
import { isAndroid } from '../../../host/android/is-android.ts';
import type { Context } from '../../../host/context.ts';
import {
  ALL_GROUPS,
  BUILD_TOOLS,
  findMissing,
  howToInstall,
  requireTools,
  toolsOf,
} from '../../../host/tools/tools.ts';
import { findManager } from '../../../host/tools/tools-install.ts';
import { TOOL_GROUPS, type ToolGroup } from '../../../host/tools/tools-table.ts';
import { buildContext, type VerbContext } from '../../../verbs/step.ts';
import { defineCommand } from '../../parse/command.ts';

interface GroupReport {
  readonly group: ToolGroup;
  readonly purpose: string;
  /** The other host, where it is not this computer that needs them. */
  readonly on?: string;
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
  run: async ({ all, setup }, context): Promise<DoctorReport> => {
    const reports: DoctorReport[] = [];
    for (const { groups, on, place } of await placesOf(all, context)) {
      if (setup) await requireTools(groups, place, { setup });
      reports.push(await examine(groups, on, place));
    }
    return { groups: reports.flatMap(({ groups }) => groups), install: reports.flatMap(({ install }) => install) };
  },
  text: doctorText,
  exitCode: ({ install }) => (install.length === 0 ? 0 : 3),
});

interface Place {
  readonly groups: readonly ToolGroup[];
  readonly on: string | undefined;
  readonly place: Context;
}

/** Where machines run on another host, that one needs what runs them, and this computer what builds them. */
async function placesOf(all: boolean, context: VerbContext): Promise<readonly Place[]> {
  const arch = archOf((await context.host.facts()).machine) ?? 'x86_64';
  const run: readonly ToolGroup[] = all ? ALL_GROUPS.filter(isForMachines) : [`machine-${arch}`];
  const build = all ? ALL_GROUPS.filter((group) => !isForMachines(group)) : (['modules', ...BUILD_TOOLS] as const);
  if (context.host.isHere) return [{ groups: all ? ALL_GROUPS : [...build, ...run], on: undefined, place: context }];
  // What a phone has is told by `vmkit host check`: nothing can be installed there.
  if (await isAndroid(context.host))
    return [{ groups: [...build, 'phone'], on: undefined, place: buildContext(context) }];
  return [
    { groups: build, on: undefined, place: buildContext(context) },
    { groups: run, on: context.host.name, place: context },
  ];
}

function isForMachines(group: ToolGroup): boolean {
  return group.startsWith('machine-') || group === 'network';
}

async function examine(groups: readonly ToolGroup[], on: string | undefined, { host }: Context): Promise<DoctorReport> {
  const facts = await host.facts();
  const missing = await findMissing(groups, host);
  const install = missing.length === 0 ? [] : howToInstall(missing, await findManager(host), facts);
  return {
    groups: groups.map((group) => {
      const tools = toolsOf([group], facts);
      return {
        group,
        purpose: TOOL_GROUPS[group],
        ...(on === undefined ? {} : { on }),
        found: tools.filter((tool) => !missing.includes(tool)).map((tool) => tool.name),
        missing: tools.filter((tool) => missing.includes(tool)).map((tool) => tool.name),
      };
    }),
    install: install.map((line) => (on === undefined ? line : `${line}  # on ${on}`)),
  };
}

function doctorText({ groups, install }: DoctorReport): string {
  const lines = groups.map(({ group, purpose, on, found, missing }) => {
    const state =
      missing.length === 0 ? `ok: ${found.join(', ') || 'nothing more needed'}` : `missing: ${missing.join(', ')}`;
    return `${group.padEnd(15)} ${purpose.padEnd(44)} ${on === undefined ? '' : `${on}: `}${state}`;
  });
  if (install.length === 0) return [...lines, '', 'Everything is there.'].join('\n');
  return [
    ...lines,
    '',
    'To get what is missing (vmkit doctor --setup does what a package manager can):',
    ...install.map((line) => `  ${line}`),
  ].join('\n');
}
