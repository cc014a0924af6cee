import type { TrailStep, Verdict } from '../report.ts';
import { HOP_TITLES } from '../way-titles.ts';
import { escapeHtml } from './html.ts';

const MARKS: Readonly<Record<TrailStep['state'], string>> = { seen: '✓', passed: '✓', missing: '✗', unknown: '·' };
const NOT_SEEN: Readonly<Record<TrailStep['state'], string>> = {
  seen: '',
  passed: 'not seen here; a later place saw it',
  missing: 'nothing: here it ended',
  unknown: 'not reached, or nobody could look there',
};

/** The connection's own way from the peer's question to the answer at the peer: what each place saw of it, and where it ended. Empty where nobody dialled. */
export function trailList({ trail, finding, state }: Verdict): string {
  if (trail.length === 0) return '';
  const items = trail.map((step) => {
    const seen = step.seen === '' ? NOT_SEEN[step.state] : step.seen;
    const why =
      step.state === 'missing' && state === 'fails' && finding !== undefined
        ? `<br><b>${escapeHtml(finding.title)}</b>`
        : '';
    return `<li class="${step.state}"><span class="mark">${MARKS[step.state]}</span> <b>${escapeHtml(HOP_TITLES[step.hop])}</b>: ${escapeHtml(
      step.title,
    )}<br><code>${escapeHtml(seen)}</code>${why}</li>`;
  });
  return `<p class="dim">The connection's own way, and the answer's way back:</p>
<ol class="trail">
${items.join('\n')}
</ol>`;
}
