import { escapeHtml } from './html.ts';
import { picture } from './page-picture.ts';
import { PAGE_STYLE } from './page-style.ts';
import type { Layer, ProbeReport, Verdict } from './report.ts';
import { HOP_TITLES, STATE_MARKS, WAY_TITLES } from './way-titles.ts';

/** A report as one self-contained page: the answer, the network as a picture, and every way with its evidence to unfold. Needs no script and no network. */
export function renderPage(report: ProbeReport): string {
  const { machine, service, at, vantages, ways } = report;
  const shown = (['works', 'untried', 'fails'] as const).flatMap((state) =>
    ways.filter((way) => way.state === state),
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
${answer(shown)}
<div class="columns">
<div>
${ways
  .filter(({ state }) => state !== 'unavailable')
  .map((way) => `<figure>${picture(way)}<figcaption>${escapeHtml(WAY_TITLES[way.way])}</figcaption></figure>`)
  .join('\n')}
</div>
<main>
${ways.map(card).join('\n')}
</main>
</div>
</body>
</html>
`;
}

function answer(shown: Verdict | undefined): string {
  if (shown?.state === 'works' || shown?.state === 'untried') {
    const took = shown.firstByteMs === undefined ? '' : `; first byte after ${shown.firstByteMs} ms`;
    const how =
      shown.state === 'works' ? `A peer got an answer${took}` : 'Nothing is wrong in the guest; not tried from a peer';
    return `<div class="answer ${shown.state}"><strong>${escapeHtml(shown.address ?? '')}</strong><p>${how}: ${escapeHtml(WAY_TITLES[shown.way])}.</p></div>`;
  }
  const finding = shown?.finding;
  if (finding === undefined) return '<div class="answer bad"><strong>No way in is offered.</strong></div>';
  return `<div class="answer bad"><strong>${escapeHtml(finding.title)}</strong>${seenAndFix(finding)}</div>`;
}

function seenAndFix({ observed, fix }: { observed: string; fix: string }): string {
  return `<p>Seen: <code>${escapeHtml(observed)}</code></p><p>Next: <code>${escapeHtml(fix)}</code></p>`;
}

function card({ way, state, address, finding, warnings, reason, firstByteMs, layers }: Verdict): string {
  const took = firstByteMs === undefined ? '' : `, first byte after ${firstByteMs} ms`;
  const body =
    state === 'works' || state === 'untried'
      ? `<p>${escapeHtml(address ?? '')}${took}</p>`
      : finding === undefined
        ? `<p class="dim">${escapeHtml(reason ?? '')}</p>`
        : `<p class="finding">${escapeHtml(HOP_TITLES[finding.hop])}: ${escapeHtml(finding.title)}</p>${seenAndFix(finding)}`;
  return `<section class="card ${state}">
<header><span class="mark">${STATE_MARKS[state]}</span><h2>${escapeHtml(WAY_TITLES[way])}</h2></header>
${body}
${warnings.map((each) => `<p class="finding">Beside: ${escapeHtml(each.title)}</p>${seenAndFix(each)}`).join('')}
${layers.length === 0 ? '' : `<ol>\n${layers.map(layerItem).join('\n')}\n</ol>`}
</section>`;
}

function layerItem({ title, state, evidence }: Layer): string {
  const label = `${STATE_MARKS[state]} ${escapeHtml(title)}`;
  if (evidence.length === 0) return `<li class="${state}">${label}</li>`;
  const proofs = evidence.map(
    ({ vantage, command, output }) => `<pre><b>${vantage}$ ${escapeHtml(command)}</b>\n${escapeHtml(output)}</pre>`,
  );
  return `<li class="${state}"><details><summary>${label}</summary>${proofs.join('')}</details></li>`;
}
