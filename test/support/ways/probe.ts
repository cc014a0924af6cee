import type { ProbeReport, Verdict, WayId } from '../../../src/reach/report.ts';
import type { Tailnet } from '../tailnet/tailnet.ts';

const TRIES = 3;
const BUSY = ['guest-slow', 'slow'];

/**
 * What `vmkit probe --json` reports. On a computer that is busy with other tests an emulated guest is slow, which a probe tells instead of what was put into it: it is
 * asked again then. `tailnet`: the one that its node joined, which forgets that node.
 */
export async function probed(
  ask: () => Promise<{ readonly stdout: string; readonly stderr: string }>,
  tailnet?: Pick<Tailnet, 'control'>,
): Promise<ProbeReport> {
  for (let left = TRIES; ; left -= 1) {
    const { stdout, stderr } = await ask();
    if (tailnet !== undefined) await forgetProbes(tailnet);
    if (stdout === '') throw new Error(stderr);
    const report: ProbeReport = JSON.parse(stdout);
    const told = report.ways.flatMap(({ finding, warnings }) => [finding, ...warnings]);
    if (left === 1 || !told.some((each) => each !== undefined && BUSY.includes(each.cause))) return report;
  }
}

/** Upstream's test server keeps each node for ever, and all others go on trying to reach it; a tailnet forgets the node of a probe when it logs out. */
export async function forgetProbes({ control }: Pick<Tailnet, 'control'>): Promise<void> {
  await control({ Do: 'forget', Node: 'vmkit-probe-' });
}

/** What a report tells of one way. */
export function verdictOn(way: WayId, { ways }: Pick<ProbeReport, 'ways'>): Verdict {
  const verdict = ways.find((each) => each.way === way);
  if (verdict === undefined) throw new Error(`No verdict on ${way}.`);
  return verdict;
}
