import type { DialectName } from '../vmm-facts.ts';

/** How a build of crosvm is told the things that builds are told differently. */
export interface Dialect {
  readonly name: DialectName;
  /** For people: the releases of Android that were read (external/crosvm, src/main.rs and src/crosvm/cmdline.rs). */
  readonly releases: string;
  /** `keys`: `--block path=P,ro,id=I`. `words`: `-d P,id=I`, and `--rwdisk` where the guest may write. */
  readonly disks: 'keys' | 'words';
  /**
   * `keys`: `--net tap-name=T,mac=M`. `words`: `--tap-name T` alone. `--mac` is parsed there, but refused without `--host_ip` and `--netmask`, which make a
   * TAP of crosvm's own (validate_arguments in src/main.rs of android-13): the guest gives its card the MAC itself.
   */
  readonly net: 'keys' | 'words';
  readonly vsock: 'keys' | 'words';
  /** `--name`, and on arm64 `--no-pmu`. */
  readonly hasName: boolean;
}

/** The newest first: what is asked first, and what is taken where several would do. */
export const DIALECTS: readonly Dialect[] = [
  { name: 'named', releases: '15 QPR2 to 17, upstream', disks: 'keys', net: 'keys', vsock: 'keys', hasName: true },
  { name: 'keys', releases: '14 to 15 QPR1', disks: 'keys', net: 'keys', vsock: 'keys', hasName: false },
  { name: 'words', releases: '13', disks: 'words', net: 'words', vsock: 'words', hasName: false },
];

export function dialectOf(name: DialectName): Dialect {
  const found = DIALECTS.find((each) => each.name === name);
  if (found === undefined) throw new TypeError(`No dialect of crosvm: ${name}`);
  return found;
}
