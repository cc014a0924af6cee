import { shellCommand } from '../../core/text/shell-quote.ts';
import type { BootPlan } from '../../verbs/boot/boot-plan.ts';
import { table } from './table.ts';

/** What `boot --dry-run` prints. */
export function planText({ name, isRunning, artifacts, hasDataDisk, accelerator, command, files }: BootPlan): string {
  const rows = [
    ...artifacts.map(({ title, isCached }) => [`  ${title}`, isCached ? 'cached' : 'to be built']),
    ['  data disk', hasDataDisk ? 'there' : 'to be made'],
    ['  accelerator', accelerator.reason],
  ];
  const first = isRunning ? `${name} runs already; boot would only wait until it answers.` : `To boot ${name}:`;
  const opened = files.map(({ fd, access, path }) => [`  ${fd}`, access, path ?? 'the secrets, in memory']);
  return `${first}\n${table(rows)}\n\n${shellCommand(command)}\n\nwith these descriptors open:\n${table(opened)}`;
}
