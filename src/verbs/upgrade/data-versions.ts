import type { Context } from '../../host/context.ts';
import { listOnDisk, readFromDisk } from '../../machine/disks/read-disk.ts';

/** What is on a machine's data disk, as its services left it; undefined: nothing of that kind, or nobody knows. */
export interface DataVersions {
  /** Major version: 15. */
  readonly postgres: number | undefined;
  /** `11.0`. */
  readonly forgejo: string | undefined;
}

/** The disk is not mounted by any machine that writes: it is off. */
export async function dataVersions(disk: string, context: Pick<Context, 'host' | 'signal'>): Promise<DataVersions> {
  const clusters = (await listOnDisk(disk, '/postgres', context)).filter((name) => /^\d+$/.test(name)).map(Number);
  const whole: number[] = [];
  for (const version of clusters) {
    const text = await readFromDisk(disk, `/postgres/${version}/PG_VERSION`, context);
    if (text?.trim() === String(version)) whole.push(version);
  }
  const [forgejo] = (await readFromDisk(disk, '/forgejo/version', context))?.split(' ') ?? [];
  return { postgres: whole.length === 0 ? undefined : Math.max(...whole), forgejo };
}
