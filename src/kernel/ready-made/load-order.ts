import { basename } from 'node:path';

/**
 * What stage 1 loads by itself, where a kernel has it as a module: what it stands on until the disk with all modules is mounted, and what elsewhere udev
 * loads for the devices that it finds. All else comes when it is asked for, by the kernel's modprobe.
 */
export const STAGE1_MODULES: readonly string[] = [
  ...['virtio_pci', 'virtio_console', 'virtio_blk', 'virtio_net', 'squashfs', 'overlay', 'ext4'],
  // The random numbers of the host, the memory that it gets back, the power key, the hardware's clock.
  ...['virtio_rng', 'virtio_balloon', 'evdev', 'button', 'gpio_keys', 'rtc_cmos', 'rtc_pl031'],
];

/** `kernel/drivers/char/hw_random/virtio-rng.ko` → virtio_rng, as the kernel calls it (modprobe(8): `_` and `-` are the same). */
export function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');
}

/** The modules in the text of a modules.dep (modules.dep(5)): path → paths of those that it uses. */
export function parseModulesDep(text: string): ReadonlyMap<string, readonly string[]> {
  const lines = text.split('\n').flatMap((line) => {
    const [, path, uses = ''] = /^([^:]+):(.*)$/.exec(line) ?? [];
    return path === undefined ? [] : [[path, uses.split(' ').filter(Boolean)] as const];
  });
  return new Map(lines);
}

/** The paths of these modules and of all that they use, each after those that it uses. A name without a module is built in, or the kernel lacks it. */
export function loadOrder(dependencies: ReadonlyMap<string, readonly string[]>, names: readonly string[]): string[] {
  const order = new Set<string>();
  const seen = new Set<string>();
  const add = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const used of dependencies.get(path) ?? []) add(used);
    order.add(path);
  };
  const paths = new Map([...dependencies.keys()].map((path) => [moduleName(path), path]));
  for (const name of names) {
    const path = paths.get(name);
    if (path !== undefined) add(path);
  }
  return [...order];
}
