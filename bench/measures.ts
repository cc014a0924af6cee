import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { secondsToReady, stop, withOwnMachines } from './machine.ts';
import { MAIN, type Measure, median, megabytes, type Row, seconds, time, vmkit } from './measure.ts';
import { cloudKernel, initrdWithMarker } from './power-on.ts';
import { secondsToMarker } from './qemu.ts';
import { systemdDisk } from './systemd.ts';

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'vmkit');
const kernelResult = z.object({ kernel: z.string(), bytes: z.number(), buildMs: z.number() });
const imageResult = z.object({ root: z.object({ bytes: z.number(), buildMs: z.number() }) });

const row = (what: string, value: number, limit: number, show: (value: number) => string, how: string): Row => ({
  what,
  measured: show(value),
  reach: `<= ${show(limit)}`,
  met: value <= limit,
  how,
});
const ratio = (value: number): string => `${value.toFixed(2)} x`;

async function kernel(
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<z.infer<typeof kernelResult>> {
  return kernelResult.parse(JSON.parse((await vmkit(['build-kernel', ...args], env)).stdout));
}

/** Builds in caches of its own: cold, then again with only the compiler's cache, then with nothing to do. */
const kernelBuild: Measure = {
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

const sizes: Measure = {
  name: 'sizes',
  run: async () => {
    const [x86, arm] = [await kernel(['--arch', 'x86_64']), await kernel(['--arch', 'arm64'])];
    return [
      row('kernel image x86_64', x86.bytes, 5.5e6, megabytes, 'bzImage'),
      row('kernel image arm64', arm.bytes, 11e6, megabytes, 'Image, not compressed'),
    ];
  },
};

/** The same initramfs, machine and arguments; only the kernel differs. In turn, so that a noisy host hits both. */
const powerOn: Measure = {
  name: 'power-on',
  run: async () => {
    const [ours, theirs] = [(await kernel()).kernel, await cloudKernel(CACHE)];
    const initrd = await initrdWithMarker(CACHE);
    const toInit = (image: string): Promise<number> =>
      secondsToMarker({ kernel: image, initrd, append: '', memoryMib: 512 }, 'bench-init', 120);
    const pairs: { ours: number; theirs: number }[] = [];
    for (let run = 0; run < 5; run += 1) pairs.push({ ours: await toInit(ours), theirs: await toInit(theirs) });
    const middle = (pick: (pair: (typeof pairs)[number]) => number): number =>
      pairs.map(pick).sort((a, b) => a - b)[2] ?? Number.NaN;
    const [mine, debian] = [middle((pair) => pair.ours), middle((pair) => pair.theirs)];
    return [
      row(
        "power-on to init, against Debian's cloud kernel",
        mine / debian,
        0.5,
        ratio,
        `${seconds(mine)} against ${seconds(debian)}, median of 5 pairs`,
      ),
    ];
  },
};

const rootImage: Measure = {
  name: 'root',
  run: async () => {
    const cache = await mkdtemp(join(tmpdir(), 'vmkit-bench-cache-'));
    try {
      const { root } = imageResult.parse(
        JSON.parse((await vmkit(['build-image', 'sql'], { XDG_CACHE_HOME: cache })).stdout),
      );
      return [
        row('root file system of sql, cold', root.buildMs / 1000, 40, seconds, 'download of packages included'),
        row('its compressed size', root.bytes, 150e6, megabytes, 'squashfs, zstd'),
      ];
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  },
};

/** A changed option of a service, until everything that boots is there. */
const changedOption: Measure = {
  name: 'changed-option',
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-vm-'));
    try {
      const text = await readFile(new URL('../vm/sql/vm.yaml', import.meta.url), 'utf8');
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

const sqlBoot: Measure = {
  name: 'sql',
  run: () =>
    withOwnMachines(async (env) => {
      const boot = (): Promise<number> => secondsToReady('sql', '"event":"ready","service":"postgres"', env);
      await boot();
      await stop('sql', env);
      const second = await median(5, async () => {
        const value = await boot();
        await stop('sql', env);
        return value;
      });
      return [
        row('power-on to SELECT 1, second boot of sql', second, 3, seconds, 'start of QEMU to the event, median of 5'),
      ];
    }),
};

/** One kernel that has what systemd needs, for both; one after the other, in turn. */
const againstSystemd: Measure = {
  name: 'systemd',
  run: () =>
    withOwnMachines(async (env) => {
      const fragment = new URL('systemd.config', import.meta.url).pathname;
      const image = (await kernel(['--fragment', fragment])).kernel;
      const disk = await systemdDisk(CACHE);
      const theirs = (): Promise<number> =>
        secondsToMarker(
          { kernel: image, disks: [disk], append: 'root=/dev/vda rw', memoryMib: 512 },
          'bench-select-1',
          300,
        );
      const folder = await mkdtemp(join(tmpdir(), 'vmkit-bench-vm-'));
      const text = await readFile(new URL('../vm/sql/vm.yaml', import.meta.url), 'utf8');
      await writeFile(join(folder, 'vm.yaml'), `${text}\nkernel: { fragments: [${fragment}] }\n`);
      const ours = async (): Promise<number> => {
        const value = await secondsToReady('sql', '"event":"ready","service":"postgres"', env, [], folder);
        await stop('sql', env);
        return value;
      };
      await theirs();
      await ours();
      const pairs: { ours: number; theirs: number }[] = [];
      for (let run = 0; run < 3; run += 1) pairs.push({ ours: await ours(), theirs: await theirs() });
      await rm(folder, { recursive: true, force: true });
      const middle = (pick: (pair: (typeof pairs)[number]) => number): number =>
        pairs.map(pick).sort((a, b) => a - b)[1] ?? Number.NaN;
      const [mine, systemd] = [middle((pair) => pair.ours), middle((pair) => pair.theirs)];
      return [
        row(
          'second boot to SELECT 1, against systemd',
          mine / systemd,
          0.5,
          ratio,
          `${seconds(mine)} against ${seconds(systemd)}, same kernel, median of 3 pairs`,
        ),
      ];
    }),
};

/** With the real binary named by VMKIT_FORGEJO, or not at all: a stand-in's start says nothing about Forgejo's. */
const forgejoBoot: Measure = {
  name: 'forgejo',
  run: () =>
    withOwnMachines(async (env): Promise<readonly Row[]> => {
      const what = 'power-on to Forgejo /api/healthz, second boot';
      if (process.env['VMKIT_FORGEJO'] === undefined) {
        return [
          {
            what,
            measured: 'not measured',
            reach: '<= 25 s',
            met: false,
            how: 'no Forgejo binary here: set VMKIT_FORGEJO',
          },
        ];
      }
      const boot = (): Promise<number> => secondsToReady('forgejo', '"event":"ready","service":"forgejo"', env);
      await boot();
      await stop('forgejo', env);
      const second = await boot();
      await stop('forgejo', env);
      return [row(what, second, 25, seconds, 'start of QEMU to the event')];
    }),
};

const commandLine: Measure = {
  name: 'cli',
  run: async () => [
    row(
      'vmkit --help',
      await median(15, async () => (await time([process.execPath, MAIN, '--help'])).seconds),
      0.2,
      seconds,
      'whole process, median of 15',
    ),
    row(
      'no-op decision of boot',
      await median(15, async () => (await vmkit(['boot', 'sql', '--dry-run'])).seconds),
      0.5,
      seconds,
      'boot --dry-run, everything cached, whole process, median of 15',
    ),
  ],
};

export const MEASURES: readonly Measure[] = [
  kernelBuild,
  sizes,
  powerOn,
  rootImage,
  changedOption,
  sqlBoot,
  againstSystemd,
  forgejoBoot,
  commandLine,
];
