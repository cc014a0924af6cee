import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { freePort } from '../../src/net/tcp.ts';
import { stop, withOwnMachines } from '../machine.ts';
import { MAIN, type Measure, time, vmkit } from '../measure.ts';
import { ratio, row } from '../rows.ts';

/** Idle for a minute, and the minute in which the guest notices. */
const IDLE_MS = 130_000;
const status = z.object({ memory: z.object({ usedMib: z.number() }) });

/** What QEMU takes of its host for a guest that does nothing, against what the guest itself calls used. */
export const memory: Measure = {
  name: 'memory',
  run: () =>
    withOwnMachines(async (env) => {
      const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-vm-'));
      const shipped = await readFile(new URL('../../vm/miniflux/vm.yaml', import.meta.url), 'utf8');
      await writeFile(join(folder, 'vm.yaml'), shipped.replace('port: 8080', `port: ${await freePort()}`));
      try {
        await vmkit(['boot', join(folder, 'vm.yaml')], env);
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
        const { usedMib } = status.parse(JSON.parse((await vmkit(['status', 'miniflux'], env)).stdout)).memory;
        const { stdout } = await time([process.execPath, MAIN, 'exec', 'miniflux', '--', 'cat', '/proc/meminfo'], env);
        const guestMib = (kibOf(stdout, 'MemTotal') - kibOf(stdout, 'MemAvailable')) / 1024;
        return [
          row(
            "QEMU's resident memory, miniflux idle for a minute, against what the guest uses",
            usedMib / guestMib,
            2,
            ratio,
            `${usedMib} MiB for ${guestMib.toFixed(0)} MiB (MemTotal - MemAvailable)`,
          ),
        ];
      } finally {
        await stop('miniflux', env);
        await rm(folder, { recursive: true, force: true });
      }
    }),
};

/** In KiB, as /proc/meminfo has it. */
function kibOf(text: string, key: string): number {
  return Number(new RegExp(`^${key}: +(\\d+) kB`, 'm').exec(text)?.[1]);
}
