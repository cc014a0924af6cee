import type { PhoneReport } from '../../host/android/check/phone-row.ts';
import { table } from './table.ts';

const MARKS = { yes: 'yes', no: 'no', 'cannot tell': '?' } as const;

/** A report on a phone, for a terminal: an answer a line, its evidence below it, and the way at the end. */
export function phoneText({ rows, way }: PhoneReport): string {
  const lines = table(rows.map(({ what, answer, says }) => [MARKS[answer], what, says])).split('\n');
  const told = rows.flatMap(({ evidence, hint, answer }, at) => [
    lines[at] ?? '',
    `       ${evidence}`,
    ...(hint === undefined || answer === 'yes' ? [] : [`       Try: ${hint}`]),
  ]);
  return [...told, '', `Way: ${way.way}: ${way.says}`, ...way.costs.map((cost) => `  - ${cost}`)].join('\n');
}
