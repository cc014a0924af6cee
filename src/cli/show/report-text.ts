import type { Finding, ProbeReport, Verdict } from '../../reach/report.ts';
import { STATE_MARKS, WAY_TITLES } from '../../reach/way-titles.ts';
import { table } from './table.ts';

/** A line a way, then each finding once: what is wrong, what was seen, what to do. */
export function reportText({ machine, service, vantages, ways, beside, tookMs }: ProbeReport): string {
  const rows = ways.map((verdict) => [`  ${STATE_MARKS[verdict.state]}`, WAY_TITLES[verdict.way], answerOf(verdict)]);
  const ofWays = ways.flatMap(({ finding, warnings }) => [...(finding === undefined ? [] : [finding]), ...warnings]);
  const findings = [...ofWays, ...beside];
  const distinct = findings.filter((each, index) => findings.findIndex(({ cause }) => cause === each.cause) === index);
  const seenFrom = vantages.map(({ vantage, title }) => `${vantage} (${title})`).join(', ');
  return [
    `Ways to ${service.name} in ${machine}, port ${service.port}; seen from: ${seenFrom}; ${(tookMs / 1000).toFixed(1)} s`,
    '',
    table(rows),
    ...distinct.map(findingText),
  ].join('\n');
}

function answerOf({ state, address, firstByteMs, wholeMs, finding, reason }: Verdict): string {
  if (state === 'unavailable') return reason ?? '';
  if (state === 'fails') return `${finding?.hop}: ${finding?.title}`;
  if (state === 'untried') return `${address ?? ''}, not tried${reason === undefined ? ' from a peer' : `: ${reason}`}`;
  const whole = wholeMs === undefined ? '' : `, all of it after ${wholeMs} ms`;
  const took = firstByteMs === undefined ? '' : `, first byte after ${firstByteMs} ms${whole}`;
  return `${address ?? ''}${took}${finding === undefined ? '' : `; ${finding.title}`}`;
}

export function findingText({ title, observed, fix }: Finding): string {
  return `\n  ${title}\n    seen: ${observed}\n    fix:  ${fix}`;
}
