import { renderTimeline, timelineOf } from '../../machine/follow/timeline.ts';
import type { BootOutcome } from '../../verbs/boot/boot-flow.ts';
import { addressOf, table } from './table.ts';

/** The result of `boot` as data. */
export interface BootSummary {
  readonly name: string;
  readonly wasRunning: boolean;
  readonly isOutdated: boolean;
  /** Seconds from power-on until every service was ready, as the guest's kernel counts. */
  readonly bootedAfter: number | undefined;
  readonly accelerator: BootOutcome['state']['accelerator'];
  readonly ports: readonly (BootOutcome['state']['ports'][number] & { readonly address: string })[];
  /** What a person logs in with, and the file that holds the secret. */
  readonly logins: BootOutcome['state']['tells'];
  readonly timeline: ReturnType<typeof timelineOf>;
}

export function summarize({ state, progress, wasRunning, isOutdated }: BootOutcome): BootSummary {
  return {
    name: state.name,
    wasRunning,
    isOutdated,
    bootedAfter: progress.end?.kind === 'booted' ? progress.end.uptime : undefined,
    accelerator: state.accelerator,
    ports: state.ports.map((port) => ({ ...port, address: addressOf(port) })),
    logins: state.tells,
    timeline: timelineOf(progress),
  };
}

/** What a person reads at the end of a boot: where it is, how to get in, what took how long. */
export function bootText(summary: BootSummary): string {
  const { name, wasRunning, isOutdated, bootedAfter, accelerator, ports, logins, timeline } = summary;
  const how = wasRunning ? 'runs already' : `is up, ${bootedAfter?.toFixed(1)} s after power-on`;
  const outdated = `Its definition has changed since it was booted: vmkit stop ${name} && vmkit boot ${name}`;
  const addresses = ports.map((port) => [
    `  ${port.service}`,
    port.name === port.service ? '' : port.name,
    port.address,
  ]);
  return [
    `${name} ${how} (${accelerator.reason})`,
    ...(isOutdated ? [outdated] : []),
    '',
    table(addresses),
    ...logins.map(({ text, file }) => `  ${text}: password in ${file}`),
    ...(wasRunning ? [] : ['', renderTimeline(timeline)]),
  ].join('\n');
}
