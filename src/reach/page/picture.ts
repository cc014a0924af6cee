import { ROUTES } from '../hops.ts';
import type { Verdict } from '../report.ts';
import { HOP_TITLES } from '../way-titles.ts';
import { escapeHtml } from './html.ts';

const WIDTH = 320;
const STEP = 56;
const BOX = 34;

/** Letters in a line of a cause, and its height. */
const LETTERS = 34;
const LINE = 16;

/**
 * The hops of a way from top to bottom as SVG, 320 units wide so that a phone shows them as they are: green as far as packets come, there or back, the failing
 * hop red with why, grey what none was seen of.
 */
export function picture(verdict: Verdict): string {
  const { state: stands, finding, trail, way } = verdict;
  const failing = stands === 'fails' ? finding?.hop : undefined;
  const route = ROUTES[way];
  // A hop beside the route, such as the control server, stands before the one that it stops.
  const hops =
    failing === undefined || route.includes(failing) ? route : [...route.slice(0, 2), failing, ...route.slice(2)];
  const at = failing === undefined ? -1 : hops.indexOf(failing);
  const cause = at < 0 ? [] : linesOf(finding?.title ?? '');
  const below = cause.length === 0 ? 0 : cause.length * LINE + 6;
  const seen = new Set(trail.filter(({ state }) => state === 'seen' || state === 'passed').map(({ hop }) => hop));
  const parts = hops.map((hop, index) => {
    const isGood = stands === 'works' || stands === 'degraded' || index < at || seen.has(hop);
    const state = index === at ? 'bad' : isGood ? 'good' : 'idle';
    const y = index * STEP + (at >= 0 && index > at ? below : 0) + 4;
    const line = index === 0 ? '' : edge(y, state);
    const label = escapeHtml(HOP_TITLES[hop]);
    const box = `<rect x="10" y="${y}" width="${WIDTH - 20}" height="${BOX}" rx="8" class="${state}"/>`;
    const mark = state === 'bad' ? '✗' : state === 'good' ? '✓' : '';
    const text = `<text x="26" y="${y + 22}">${label}</text><text x="${WIDTH - 30}" y="${y + 22}" class="mark-${state}" text-anchor="middle">${mark}</text>`;
    const why = state === 'bad' ? cause.map((each, row) => causeLine(each, y + BOX + 18 + row * LINE)).join('') : '';
    return `${line}${box}${text}${why}`;
  });
  const summary = failing === undefined ? stands : `${HOP_TITLES[failing]}: ${finding?.title}`;
  return `<svg viewBox="0 0 ${WIDTH} ${hops.length * STEP + below}" role="img" aria-label="${escapeHtml(summary)}">
${parts.join('\n')}
</svg>`;
}

function causeLine(text: string, y: number): string {
  return `<text x="26" y="${y}" class="cause">${escapeHtml(text)}</text>`;
}

/** SVG breaks no lines. */
function linesOf(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= LETTERS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function edge(y: number, state: string): string {
  const from = y - (STEP - BOX);
  return `<line x1="${WIDTH / 2}" y1="${from}" x2="${WIDTH / 2}" y2="${y}" class="${state}"/>`;
}
