import type { Layer, ProbeReport, Verdict } from '../report.ts';
import { HOP_TITLES, STATE_MARKS, WAY_TITLES } from '../way-titles.ts';
import { escapeHtml } from './html.ts';
import { picture } from './picture.ts';
import { PAGE_STYLE } from './style.ts';
import { trailList } from './trail.ts';

/** A report as one self-contained page: the answer, the network as a picture, and every way with its evidence to unfold. Needs no script and no network. */
export function renderPage(report: ProbeReport): string {
  const { machine, service, at, vantages, ways, beside } = report;
  const sorted = (['fails', 'degraded', 'works', 'untried', 'unavailable'] as const).flatMap((state) =>
    ways.filter((way) => way.state === state),
  );
  const shown = (['works', 'degraded', 'untried', 'fails'] as const).flatMap((state) =>
    sorted.filter((way) => way.state === state),
  )[0];
  const title = `Ways to ${service.name} in ${machine}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p class="dim">Port ${service.port}; ${escapeHtml(at.replace('T', ' ').replace(/\..*/, ' UTC'))}; seen from ${escapeHtml(
    vantages.map(({ vantage, title }) => `${vantage} (${title})`).join(', '),
  )}</p>
${answer(shown, sorted)}${beside.map((each) => `<p class="finding">${escapeHtml(each.title)}</p>${seenAndFix(each)}`).join('')}
<main>
${sorted.map(card).join('\n')}
</main>
</body>
</html>
`;
}

function answer(shown: Verdict | undefined, ways: readonly Verdict[]): string {
  if (shown !== undefined && isOpen(shown)) {
    const took = shown.firstByteMs === undefined ? '' : `; first byte after ${shown.firstByteMs} ms`;
    const how =
      shown.state === 'untried'
        ? 'Nothing is wrong in the guest; not tried from a peer'
        : `${shown.wholeMs === undefined ? 'A peer got an answer that had not ended in time' : 'A peer got the whole answer'}${took}`;
    return `<div class="answer ${shown.state}"><strong>${escapeHtml(shown.address ?? '')}</strong><p>${how}: ${escapeHtml(WAY_TITLES[shown.way])}.</p>${failures(ways)}</div>`;
  }
  const finding = shown?.finding;
  if (finding === undefined) return '<div class="answer bad"><strong>No way in is offered.</strong></div>';
  return `<div class="answer bad"><strong>${escapeHtml(finding.title)}</strong>${seenAndFix(finding)}</div>`;
}

function isOpen({ state }: Verdict): boolean {
  return state === 'works' || state === 'degraded' || state === 'untried';
}

/** What else is wrong, each once. */
function failures(ways: readonly Verdict[]): string {
  const titles = new Set(
    ways
      .flatMap(({ finding, warnings }) => [...(finding === undefined ? [] : [finding]), ...warnings])
      .map(({ title }) => title),
  );
  return [...titles].map((title) => `<p class="finding">${escapeHtml(title)}</p>`).join('');
}

function seenAndFix({ observed, fix }: { observed: string; fix: string }): string {
  return `<p>Seen: <code>${escapeHtml(observed)}</code></p><p>Next: <code>${escapeHtml(fix)}</code></p>`;
}

function card(verdict: Verdict): string {
  const { way, state, address, finding, warnings, reason, firstByteMs } = verdict;
  const took = firstByteMs === undefined ? '' : `, first byte after ${firstByteMs} ms`;
  const opened = isOpen(verdict) ? `<p>${escapeHtml(address ?? '')}${took}</p>` : '';
  const body =
    isOpen(verdict) && finding === undefined
      ? opened
      : finding === undefined
        ? `<p class="dim">${escapeHtml(reason ?? '')}</p>`
        : `${opened}<p class="finding">${escapeHtml(HOP_TITLES[finding.hop])}: ${escapeHtml(finding.title)}</p>${seenAndFix(finding)}`;
  return `<section class="card ${state}">
<header><span class="mark">${STATE_MARKS[state]}</span><h2>${escapeHtml(WAY_TITLES[way])}</h2></header>
${body}
${warnings.map((each) => `<p class="finding">Beside: ${escapeHtml(each.title)}</p>${seenAndFix(each)}`).join('')}
${state === 'unavailable' ? '' : hops(verdict)}
</section>`;
}

/** The hops as a picture, and the layers with their evidence: unfolded where something is wrong. */
function hops(verdict: Verdict): string {
  const { state, layers, warnings } = verdict;
  const isUnfolded = state === 'fails' || state === 'degraded' || warnings.length > 0;
  return `<details class="hops"${isUnfolded ? ' open' : ''}><summary>hop by hop</summary>
<div class="columns">
<figure>${picture(verdict)}</figure>
<div>${trailList(verdict)}
<ol>
${layers.map(layerItem).join('\n')}
</ol></div>
</div>
</details>`;
}

function layerItem({ title, state, evidence }: Layer): string {
  const label = `${STATE_MARKS[state]} ${escapeHtml(title)}`;
  if (evidence.length === 0) return `<li class="${state}">${label}</li>`;
  const proofs = evidence.map(
    ({ vantage, command, output }) => `<pre><b>${vantage}$ ${escapeHtml(command)}</b>\n${escapeHtml(output)}</pre>`,
  );
  return `<li class="${state}"><details><summary>${label}</summary>${proofs.join('')}</details></li>`;
}
