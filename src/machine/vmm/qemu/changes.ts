import * as z from 'zod';
import type { Host } from '../../../host/host.ts';
import { DISK_SERIALS } from '../../../spec/disks.ts';
import type { ChangeNotes } from '../vmm.ts';
import { copyChanges } from './copy-disk.ts';
import { qmpCommand } from './qmp.ts';

const PREFIX = 'vmkit-';

const blocks = z.array(
  z.object({
    inserted: z
      .object({
        'node-name': z.string().optional(),
        'dirty-bitmaps': z.array(z.object({ name: z.string().default(''), count: z.number() })).default([]),
      })
      .optional(),
  }),
);

/**
 * Dirty bitmaps of the data disk (QEMU documentation, "Dirty Bitmaps and Incremental Backup"), in QEMU's memory only: what another QEMU wrote, or vmkit itself, is in none,
 * and then there is none.
 */
export const changes: ChangeNotes = {
  begin: async (since, { controlSocket }, host) => {
    const ask = (execute: 'block-dirty-bitmap-add' | 'block-dirty-bitmap-remove', name: string) =>
      qmpCommand(controlSocket, { execute, arguments: { node: DISK_SERIALS.data, name } }, host, 30_000);
    for (const { name } of await bitmapsOf(controlSocket, host)) await ask('block-dirty-bitmap-remove', name);
    await ask('block-dirty-bitmap-add', PREFIX + since);
  },
  bytes: async (since, { controlSocket }, host) =>
    (await bitmapsOf(controlSocket, host)).find(({ name }) => name === PREFIX + since)?.count,
  copy: async (since, paths, to, context) => {
    const bytes = (await changes.bytes(since, paths, context.host)) ?? 0;
    return copyChanges({ bitmap: PREFIX + since, bytes }, paths, to, context);
  },
};

async function bitmapsOf(
  controlSocket: string,
  host: Host,
): Promise<readonly { readonly name: string; readonly count: number }[]> {
  const all = blocks.parse(await qmpCommand(controlSocket, 'query-block', host, 30_000));
  const disk = all.find(({ inserted }) => inserted?.['node-name'] === DISK_SERIALS.data);
  return (disk?.inserted?.['dirty-bitmaps'] ?? []).filter(({ name }) => name.startsWith(PREFIX));
}
