import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { type Measure, median, megabytes, seconds, vmkit } from '../measure.ts';
import { kernel, ratio, row } from '../rows.ts';

const imageResult = z.object({ root: z.object({ bytes: z.number(), buildMs: z.number() }) });

/** Builds in caches of its own: cold, then again with only the compiler's cache, then with nothing to do. */
export const kernelBuild: Measure = {
  name: 'kernel',
  run: async () => {
    const cache = await mkdtemp(join(tmpdir(), 'vmkit-bench-cache-'));
    const env = { XDG_CACHE_HOME: cache };
    try {
      const cold = await kernel([], env);
      await rm(join(cache, 'vmkit', 'store'), { recursive: true });
      const warm = await kernel([], env);
      const idle = await median(5, async () => (await vmkit(['build-kernel'], env)).seconds);
      const share = warm.buildMs / cold.buildMs;
      return [
        row('x86_64 kernel, cold', cold.buildMs / 1000, 330, seconds, 'configuration to image, empty ccache'),
        row(
          'the same with a warm ccache',
          share,
          0.25,
          ratio,
          `${seconds(warm.buildMs / 1000)} against ${seconds(cold.buildMs / 1000)}`,
        ),
        row('build-kernel with nothing to do', idle, 0.5, seconds, 'whole process, median of 5'),
      ];
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  },
};

export const sizes: Measure = {
  name: 'sizes',
  run: async () => {
    const [x86, arm] = [await kernel(['--arch', 'x86_64']), await kernel(['--arch', 'arm64'])];
    return [
      row('kernel image x86_64', x86.bytes, 6e6, megabytes, 'bzImage'),
      row('kernel image arm64', arm.bytes, 11e6, megabytes, 'Image, not compressed'),
    ];
  },
};

export const rootImage: Measure = {
  name: 'root',
  run: async () => {
    const cache = await mkdtemp(join(tmpdir(), 'vmkit-bench-cache-'));
    try {
      const { root } = imageResult.parse(
        JSON.parse((await vmkit(['build-image', 'sql'], { XDG_CACHE_HOME: cache })).stdout),
      );
      return [
        row('root file system of sql, cold', root.buildMs / 1000, 40, seconds, 'download of packages included'),
        row('its compressed size', root.bytes, 150e6, megabytes, 'squashfs, LZ4'),
      ];
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  },
};

/** A changed option of a service, until everything that boots is there. */
export const changedOption: Measure = {
  name: 'changed-option',
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-vm-'));
    try {
      const text = await readFile(new URL('../../vm/sql/vm.yaml', import.meta.url), 'utf8');
      let port = 20_000 + (process.pid % 10_000);
      const value = await median(5, async () => {
        port += 1;
        await writeFile(join(folder, 'vm.yaml'), text.replace('host: 5432', `host: 5432\n    port: ${port}`));
        return (await vmkit(['build-image', folder])).seconds;
      });
      return [
        row(
          'a changed service option to bootable artifacts',
          value,
          1,
          seconds,
          'build-image, whole process, median of 5',
        ),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
