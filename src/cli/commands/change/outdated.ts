import { loadVm } from '../../../spec/read/load.ts';
import type { PackageChange } from '../../../verbs/outdated/newer-packages.ts';
import { type Outdated, outdated } from '../../../verbs/outdated/outdated.ts';
import { defineCommand } from '../../parse/command.ts';
import { DEFINITION } from '../../parse/positionals.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'outdated <vm>',
  options: (yargs) => yargs.positional('vm', DEFINITION),
  run: async ({ vm }, context): Promise<Outdated> => outdated(await loadVm(vm, context), context),
  text: outdatedText,
});

/** For people: what is older, and what takes it away. */
export function outdatedText({ name, suite, root, kernel, components, data }: Outdated): string {
  const security = root.changes.filter(({ isSecurity }) => isSecurity).length;
  const packages =
    root.builtAt === undefined
      ? ['Its root is not built yet: the next boot takes the newest packages.']
      : root.changes.length === 0
        ? [`Its root has the newest packages of Debian ${suite}.`]
        : [
            `${root.changes.length} packages of its root are newer in Debian ${suite}, ${security} of them security updates:`,
            table(root.changes.map(packageRow)),
            `vmkit build-image ${name} --rebuild takes them; then vmkit stop ${name}, vmkit boot ${name}`,
          ];
  return [
    ...packages,
    ...(kernel.newer === undefined
      ? []
      : [`Its kernel is ${kernel.is}; ${kernel.newer} is there: vmkit build-kernel, or build-image ${name} --rebuild`]),
    ...components.flatMap(({ name: component, version }) =>
      version === undefined ? [] : [`This vmkit has ${component} ${version}, unless you give another one.`],
    ),
    ...data.map(({ of, from, to }) => `Its data is of ${of} ${from}, its program ${to}: vmkit upgrade ${name}`),
  ].join('\n');
}

function packageRow({ name, from, to, isSecurity }: PackageChange): string[] {
  return [`  ${name}`, from ?? 'new', to, isSecurity ? 'security' : ''];
}
