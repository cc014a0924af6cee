import { renderTimeline, timelineOf } from '../../machine/follow/timeline.ts';
import type { BootOutcome } from '../../verbs/boot/boot-flow.ts';
import { type BootedDescription, describeBooted } from '../../verbs/boot/describe-booted.ts';
import { table } from './table.ts';

/** The result of `boot` as data. */
export interface BootSummary extends BootedDescription {
  readonly timeline: ReturnType<typeof timelineOf>;
}

export function summarize(outcome: BootOutcome): BootSummary {
  return { ...describeBooted(outcome), timeline: timelineOf(outcome.progress) };
}

/** What a person reads at the end of a boot: where it is, how to get in, what took how long. */
export function bootText(summary: BootSummary): string {
  const { name, wasRunning, wasSuspended, changes, bootedAfter, accelerator, kernel, ports } = summary;
  const { wentBack, logins, timeline } = summary;
  const booted = wasRunning ? 'runs already' : `is up, ${bootedAfter?.toFixed(1)} s after power-on`;
  const how = wasSuspended ? 'goes on where it was suspended' : booted;
  const outdated = [
    'Its definition has changed since it was booted:',
    ...changes.map((change) => `  ${change}`),
    `It runs on as it was. To take the changes over: vmkit stop ${name} && vmkit boot ${name}`,
  ];
  const back =
    wentBack === undefined
      ? []
      : [
          wentBack.why,
          `It went back to what it booted from before, and to its data of then (${wentBack.snapshot}). What the attempt left is the snapshot ${wentBack.kept}.`,
          'The definition is as it was: the next boot tries it again.',
        ];
  const addresses = ports.map((port) => [
    `  ${port.service}`,
    port.name === port.service ? '' : port.name,
    port.address,
  ]);
  return [
    `${name} ${how} (${[kernel, accelerator.reason].filter(Boolean).join('; ')})`,
    ...back,
    ...(changes.length === 0 ? [] : outdated),
    '',
    table(addresses),
    ...logins.map(({ text, file }) => `  ${text}: password in ${file}`),
    ...(wasRunning ? [] : ['', renderTimeline(timeline)]),
  ].join('\n');
}
