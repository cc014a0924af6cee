import { VmkitError } from '../../core/errors/errors.ts';
import { withGuest } from '../../machine/guest.ts';
import { runningMachine } from '../../machine/state/running.ts';
import type { Service } from '../../spec/service.ts';
import type { VerbContext } from '../step.ts';

/** What a machine's services have: SERVICE/NAME → number. */
export type Counts = ReadonlyMap<string, number>;

const COUNTED_WITHIN_MS = 3_600_000;

type Asked = Pick<Service, 'name' | 'backup'>;

/** What services of a running machine count, as one entry; none where it is off. */
export async function countsOf(name: string, services: readonly Asked[], context: VerbContext): Promise<Counts[]> {
  if ((await runningMachine(name, context)) === undefined) return [];
  const counts = new Map<string, number>();
  await withGuest(
    name,
    context,
    async (guest) => {
      for (const { name: service, backup } of services) {
        if (backup?.counts === undefined) continue;
        const { exitCode, stdout, stderr } = await guest.exec(['sh', '-euc', backup.counts], {
          withinMs: COUNTED_WITHIN_MS,
          signal: context.signal,
        });
        if (exitCode !== 0) throw hookFailed(service, stderr);
        for (const [key, number] of parseCounts(stdout)) counts.set(`${service}/${key}`, number);
      }
    },
    60_000,
  );
  return [counts];
}

/** `NAME NUMBER` a line; other lines are no counts. */
export function parseCounts(text: string): readonly (readonly [string, number])[] {
  return text.split('\n').flatMap((line) => {
    const [, name, number] = /^(\S+) (\d+)$/.exec(line.trim()) ?? [];
    return name === undefined ? [] : [[name, Number(number)] as const];
  });
}

/**
 * What a copy has otherwise than the machine had. Counted before and after the copy: a number that did not change must be the same, one that did lies between. A
 * thing that was counted only once, since it was made or deleted meanwhile, may be there or not.
 */
export function differences(counted: readonly Counts[], copy: Counts): readonly string[] {
  const keys = new Set(counted.flatMap((counts) => [...counts.keys()]));
  return [...keys].sort().flatMap((key) => {
    const numbers = counted.flatMap((counts) => counts.get(key) ?? []);
    const has = copy.get(key);
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    if (has === undefined) return numbers.length < counted.length ? [] : [`${key}: ${least} before, not in the copy`];
    if (has >= least && has <= most) return [];
    return [`${key}: ${least === most ? least : `${least} to ${most}`} before, ${has} in the copy`];
  });
}

function hookFailed(service: string, stderr: string): VmkitError {
  const said = stderr.trim().split('\n').slice(-5).join('\n');
  return new VmkitError('boot', 'backup-hook-failed', `The script backup.counts of ${service} failed: ${said}`);
}
