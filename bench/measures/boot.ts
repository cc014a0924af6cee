import { dirname, join } from 'node:path';
import { secondsToReady, stop, withOwnMachines } from '../machine.ts';
import { type Measure, median, medianOfPairs, type Row, seconds } from '../measure.ts';
import { cloudKernel, initrdWithMarker } from '../power-on.ts';
import { secondsToMarker } from '../qemu.ts';
import { CACHE, kernel, ratio, row } from '../rows.ts';
import { debianBoot, systemdDisk } from '../systemd.ts';

/** The file that vmkit enters on x86_64; it lies beside bzImage. */
const elfOf = (bzImage: string): string => join(dirname(bzImage), 'vmlinux');

/** The same initramfs, machine and arguments; only the kernel differs. In turn, so that a noisy host hits both. */
export const powerOn: Measure = {
  name: 'power-on',
  run: async () => {
    const [ours, theirs] = [elfOf((await kernel()).kernel), await cloudKernel(CACHE)];
    const initrd = await initrdWithMarker(CACHE);
    const toInit = (image: string): Promise<number> =>
      secondsToMarker({ kernel: image, initrd, append: '', memoryMib: 512 }, 'bench-init', 120);
    const { ours: mine, theirs: debian } = await medianOfPairs(
      5,
      () => toInit(ours),
      () => toInit(theirs),
    );
    return [
      row(
        "power-on to init, against Debian's cloud kernel",
        mine / debian,
        0.5,
        ratio,
        `${seconds(mine)} against ${seconds(debian)}, as each is shipped: ELF file (PVH) and bzImage; median of 5 pairs`,
      ),
    ];
  },
};

export const sqlBoot: Measure = {
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
        row(
          'power-on to SELECT 1, second boot of sql',
          second,
          2.5,
          seconds,
          'start of QEMU to the event, median of 5',
        ),
      ];
    }),
};

/** The same packages in turn: vmkit as it is shipped, and systemd on Debian's cloud kernel, which it is made for. Nothing is compiled for the comparison. */
export const againstSystemd: Measure = {
  name: 'systemd',
  run: () =>
    withOwnMachines(async (env) => {
      const [disk, debian] = [await systemdDisk(CACHE), await debianBoot(CACHE)];
      const theirs = (): Promise<number> =>
        secondsToMarker({ ...debian, disks: [disk], append: 'rw', memoryMib: 512 }, 'bench-select-1', 300);
      const ours = async (): Promise<number> => {
        const value = await secondsToReady('sql', '"event":"ready","service":"postgres"', env);
        await stop('sql', env);
        return value;
      };
      await theirs();
      await ours();
      const { ours: mine, theirs: systemd } = await medianOfPairs(3, ours, theirs);
      return [
        row(
          'second boot to SELECT 1, against systemd',
          mine / systemd,
          0.15,
          ratio,
          `${seconds(mine)} with vmkit's kernel, ${seconds(systemd)} with Debian's cloud kernel; median of 3 pairs`,
        ),
      ];
    }),
};

/** With the real binary named by VMKIT_FORGEJO, or not at all: a stand-in's start says nothing about Forgejo's. */
export const forgejoBoot: Measure = {
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
