import { expect, test } from 'vitest';
import { emptyProgress, withEvent } from '../../../src/machine/follow/boot-progress.ts';
import { renderTimeline, timelineOf } from '../../../src/machine/follow/timeline.ts';
import type { GuestEvent } from '../../../src/spec/guest-event.ts';

const events: readonly GuestEvent[] = [
  { event: 'phase', phase: 'init', uptime: 0.74 },
  { event: 'phase', phase: 'network', uptime: 0.81 },
  { event: 'phase', phase: 'data-disk', uptime: 1.32 },
  { event: 'start', service: 'ssh', uptime: 1.5 },
  { event: 'start', service: 'postgres', uptime: 1.4 },
  { event: 'ready', service: 'ssh', uptime: 1.9 },
  { event: 'ready', service: 'postgres', uptime: 8.6 },
  { event: 'start', service: 'miniflux', uptime: 8.6 },
  { event: 'ready', service: 'miniflux', uptime: 10.4 },
  { event: 'start', service: 'never-ready', uptime: 10.5 },
];

const services = ['ssh', 'postgres', 'miniflux', 'never-ready'];

test('the bar chart of a boot', async () => {
  const steps = timelineOf(events.reduce(withEvent, emptyProgress(services)));
  await expect(`${renderTimeline(steps)}\n`).toMatchFileSnapshot('../../golden/timeline/miniflux.txt');
});

test('a boot of which nothing was heard has an empty chart', () => {
  expect(renderTimeline(timelineOf(emptyProgress(['ssh'])))).toBe('');
});
