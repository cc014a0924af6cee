import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { localHost } from '../../src/host/local/local.ts';
import { artifactsOf, type FoundImage, findImage } from '../../src/store/oci/receive.ts';
import { parseReference } from '../../src/store/oci/reference.ts';
import { openRegistry } from '../../src/store/oci/registry.ts';
import { pullArtifact } from '../../src/store/pull-artifact.ts';
import { startRegistry } from '../../test/support/stand-ins/registry.ts';
import { type MeasuredImage, simulateFleet } from '../fleet.ts';
import { withDomain } from '../libvirt.ts';
import { secondsToReady, stop, withOwnMachines } from '../machine.ts';
import { MAIN, type Measure, median, medianOfPairs, megabytes, seconds, time, vmkit } from '../measure.ts';
import { percent, ratio, row } from '../rows.ts';

const pushed = z.object({ bytes: z.number(), sentBytes: z.number() });
const MACHINES = 1000;
const HOSTS = 50;

const READY = '"event":"ready","service":"postgres"';

/** The same kernel, images and emulation, by vmkit and by libvirt, in turn. */
export const underLibvirt: Measure = {
  name: 'libvirt',
  run: () =>
    withOwnMachines(async (env) => {
      const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
      // A user without rights passes through it.
      await chmod(folder, 0o755);
      try {
        const ours = async (): Promise<number> => {
          const value = await secondsToReady('sql', READY, env);
          await stop('sql', env);
          return value;
        };
        await vmkit(['build-image', 'sql'], env);
        // Each has its database then.
        await ours();
        const pair = await withDomain('sql', join(folder, 'libvirt'), env, async (domain) => {
          const theirs = async (): Promise<number> => {
            const value = await domain.boot(READY);
            await domain.stop();
            return value;
          };
          await theirs();
          return medianOfPairs(5, ours, theirs);
        });
        return [
          row(
            'sql under libvirt, power-on to SELECT 1, against vmkit boot',
            pair.theirs / pair.ours,
            1.15,
            ratio,
            `${seconds(pair.theirs)} against ${seconds(pair.ours)}, both emulated; start of QEMU to the event, median of 5 pairs`,
          ),
        ];
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
};

/** Machines through a registry on loopback, and what a fleet of them would pull. */
export const registry: Measure = {
  name: 'export',
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-'));
    const { host, end } = await startRegistry(join(folder, 'registry'));
    try {
      const env = { XDG_DATA_HOME: join(folder, 'data'), XDG_STATE_HOME: join(folder, 'state') };
      // What is compiled is vmkit's own.
      await vmkit(['build-kernel'], env);
      const repository = `oci://${host}/bench/all`;
      const push = async (vm: string, tag: string): Promise<z.infer<typeof pushed>> =>
        pushed.parse(JSON.parse((await vmkit(['push', vm, `${repository}:${tag}`], env)).stdout));
      await push('sql', 'sql');
      const shipped = await readFile(new URL('../../vm/sql/vm.yaml', import.meta.url), 'utf8');
      await writeFile(join(folder, 'vm.yaml'), shipped.replace('name: sql', 'name: second'));
      const second = await push(join(folder, 'vm.yaml'), 'second');
      for (const vm of ['miniflux', 'news']) await push(vm, vm);
      let run = 0;
      const pull = await median(3, async () => {
        run += 1;
        const cache = join(folder, `cache-${run}`);
        const argv = [process.execPath, MAIN, 'pull', `${repository}:sql`, '-o', join(folder, 'vm')];
        return (await time(argv, { ...env, XDG_CACHE_HOME: cache })).seconds;
      });
      const contextIn = (cache: string): Parameters<typeof pullArtifact>[3] => ({
        host: localHost(),
        paths: { cache: join(folder, cache), data: folder, state: folder },
        report: () => undefined,
        signal: new AbortController().signal,
      });
      const one = openRegistry(parseReference(repository), contextIn('none'));
      const imageOf = async (tag: string): Promise<FoundImage> => {
        const image = await findImage(one, tag);
        if (image === undefined) throw new Error(`No image ${tag}.`);
        return image;
      };
      const sql = await imageOf('sql');
      const kernel = artifactsOf(sql).find((artifact) => artifact.startsWith('kernel-')) ?? '';
      let kernelBytes = 0;
      const kernelSeconds = await median(3, async () => {
        run += 1;
        const start = performance.now();
        kernelBytes = await pullArtifact(one, sql, kernel, contextIn(`kernel-${run}`));
        return (performance.now() - start) / 1000;
      });
      const images = await Promise.all(
        ['sql', 'miniflux', 'news'].map(async (name): Promise<MeasuredImage> => {
          const { manifest } = await imageOf(name);
          return { name, blobs: new Map(manifest.layers.map(({ digest, size }) => [digest, size])) };
        }),
      );
      const fleet = simulateFleet(images, MACHINES, HOSTS);
      return [
        row(
          'pull of sql from a registry on loopback',
          pull,
          5,
          seconds,
          'into an empty cache, whole process; median of 3',
        ),
        row(
          'second machine with the same root and kernel: bytes pushed',
          second.sentBytes / second.bytes,
          0.05,
          percent,
          `${megabytes(second.sentBytes)} of ${megabytes(second.bytes)}`,
        ),
        row(
          'kernel from a registry instead of compiling',
          kernelSeconds,
          2,
          seconds,
          `${megabytes(kernelBytes)}, with its modules; median of 3`,
        ),
        {
          what: `${MACHINES} machines on ${HOSTS} hosts: bytes pulled, against each image whole`,
          measured: percent(fleet.pulled / fleet.whole),
          reach: 'known',
          met: true,
          how: `simulated from the layers of sql, miniflux and news: ${megabytes(fleet.pulled)} of ${megabytes(fleet.whole)}; each host ${megabytes(fleet.largestHost)}; the registry keeps ${megabytes(fleet.kept)}`,
        },
      ];
    } finally {
      end();
      await rm(folder, { recursive: true, force: true });
    }
  },
};
