import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/net/tcp.ts';
import { secondsToReady, stop, withOwnMachines } from '../machine.ts';
import { MAIN, type Measure, medianOfPairs, seconds, time } from '../measure.ts';
import { ratio, row } from '../rows.ts';

/** What README.md begins with, for somebody whose caches are cold and who has built no kernel; the tools are there. */
export const firstPage: Measure = {
  name: 'first-page',
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
    const env = Object.fromEntries(['CACHE', 'DATA', 'STATE'].map((name) => [`XDG_${name}_HOME`, join(folder, name)]));
    const shipped = await readFile(new URL('../../vm/miniflux/vm.yaml', import.meta.url), 'utf8');
    await writeFile(join(folder, 'vm.yaml'), shipped.replace('port: 8080', `port: ${await freePort()}`));
    try {
      const boot = await time([process.execPath, MAIN, 'boot', join(folder, 'vm.yaml')], env);
      await time([process.execPath, MAIN, 'stop', 'miniflux'], env);
      return [
        row(
          'first boot of miniflux, cold caches',
          boot.seconds,
          90,
          seconds,
          'all downloads, until the page answers; 507 s when a kernel was compiled first',
        ),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** The same machine with either kernel, from power-on until all its services are ready. */
export const debianKernel: Measure = {
  name: 'debian-kernel',
  run: () =>
    withOwnMachines(async (env) => {
      const bootWith = async (kernel: string): Promise<number> => {
        const value = await secondsToReady('sql', '"event":"booted"', env, ['--kernel', kernel]);
        await stop('sql', env);
        return value;
      };
      await bootWith('debian');
      const { ours: debian, theirs: own } = await medianOfPairs(
        3,
        () => bootWith('debian'),
        () => bootWith('vmkit'),
      );
      return [
        row(
          "second boot of sql with Debian's kernel, against vmkit's own",
          debian / own,
          1.35,
          ratio,
          `${seconds(debian)} against ${seconds(own)}, power-on to all services ready; median of 3 pairs`,
        ),
      ];
    }),
};
