import { ROUTES } from '../hops.ts';
import type { Verdict } from '../report.ts';
import { HOP_TITLES } from '../way-titles.ts';
import { escapeHtml } from './html.ts';

const WIDTH = 320;
const STEP = 56;
const BOX = 34;

/**
 * The hops of a way from top to bottom as SVG, 320 units wide so that a phone shows them as they are: green as far as packets come, the failing hop red
 * with its name, grey behind it.
 */
export function picture(verdict: Verdict): string {
  const failing = verdict.state === 'fails' ? verdict.finding?.hop : undefined;
  const route = ROUTES[verdict.way];
  // A hop beside the route, such as the control server, stands before the one that it stops.
  const hops =
    failing === undefined || route.includes(failing) ? route : [...route.slice(0, 2), failing, ...route.slice(2)];
  const at = failing === undefined ? -1 : hops.indexOf(failing);
  const height = hops.length * STEP + (at < 0 ? 0 : 22);
  const parts = hops.map((hop, index) => {
    const isGood = verdict.state === 'works' || verdict.state === 'degraded' || index < at;
    const state = isGood ? 'good' : index === at ? 'bad' : 'idle';
    const y = index * STEP + (at >= 0 && index > at ? 22 : 0) + 4;
    const line = index === 0 ? '' : edge(y, state);
    const label = escapeHtml(HOP_TITLES[hop]);
    const box = `<rect x="10" y="${y}" width="${WIDTH - 20}" height="${BOX}" rx="8" class="${state}"/>`;
    const mark = state === 'bad' ? '✗' : state === 'good' ? '✓' : '';
    const text = `<text x="26" y="${y + 22}">${label}</text><text x="${WIDTH - 30}" y="${y + 22}" class="mark-${state}" text-anchor="middle">${mark}</text>`;
    const cause =
      state === 'bad'
        ? `<text x="26" y="${y + BOX + 18}" class="cause">${escapeHtml(verdict.finding?.title ?? '')}</text>`
        : '';
    return `${line}${box}${text}${cause}`;
  });
  const summary = failing === undefined ? verdict.state : `${HOP_TITLES[failing]}: ${verdict.finding?.title}`;
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(summary)}">
${parts.join('\n')}
</svg>`;
}

function edge(y: number, state: string): string {
  const from = y - (STEP - BOX);
  return `<line x1="${WIDTH / 2}" y1="${from}" x2="${WIDTH / 2}" y2="${y}" class="${state}"/>`;
}
