import type { ProbeReport, Verdict, WayId } from '../../src/reach/report.ts';

const TRIES = 3;
const BUSY = ['guest-slow', 'slow'];

/**
 * What `vmkit probe --json` reports. On a computer that is busy with other tests an emulated guest is slow, which a probe tells instead of what was put into it: it is
 * asked again then.
 */
export async function probed(
  ask: () => Promise<{ readonly stdout: string; readonly stderr: string }>,
): Promise<ProbeReport> {
  for (let left = TRIES; ; left -= 1) {
    const { stdout, stderr } = await ask();
    if (stdout === '') throw new Error(stderr);
    const report: ProbeReport = JSON.parse(stdout);
    const told = report.ways.flatMap(({ finding, warnings }) => [finding, ...warnings]);
    if (left === 1 || !told.some((each) => each !== undefined && BUSY.includes(each.cause))) return report;
  }
}

/** What a report tells of one way. */
export function verdictOn(way: WayId, { ways }: Pick<ProbeReport, 'ways'>): Verdict {
  const verdict = ways.find((each) => each.way === way);
  if (verdict === undefined) throw new Error(`No verdict on ${way}.`);
  return verdict;
}
