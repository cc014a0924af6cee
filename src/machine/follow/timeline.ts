import type { BootProgress } from './boot-progress.ts';

/** One step of a boot. Seconds since power-on of the guest's kernel. */
export interface TimelineStep {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

const WIDTH = 40;

/** Phases follow one another; services run from their start to their readiness, side by side. */
export function timelineOf(progress: BootProgress): TimelineStep[] {
  const phases = progress.phases.map(({ name, uptime }, index) => ({
    name,
    from: progress.phases[index - 1]?.uptime ?? 0,
    to: uptime,
  }));
  const services = [...progress.services].flatMap(([name, { startedAt, readyAt }]) =>
    startedAt === undefined || readyAt === undefined ? [] : [{ name, from: startedAt, to: readyAt }],
  );
  return [...phases, ...services.sort((a, b) => a.from - b.from || a.to - b.to)];
}

/** A small bar chart: when each step ran, and how long it took. */
export function renderTimeline(steps: readonly TimelineStep[]): string {
  const end = Math.max(0.01, ...steps.map((step) => step.to));
  const nameWidth = Math.max(...steps.map((step) => step.name.length));
  const column = (seconds: number): number => Math.round((seconds / end) * WIDTH);
  return steps
    .map(({ name, from, to }) => {
      const start = Math.min(column(from), WIDTH - 1);
      const length = Math.max(1, column(to) - start);
      const bar = `${' '.repeat(start)}${'█'.repeat(length)}`.padEnd(WIDTH);
      return `  ${name.padEnd(nameWidth)}  ${bar} ${(to - from).toFixed(2).padStart(6)} s`;
    })
    .join('\n');
}
