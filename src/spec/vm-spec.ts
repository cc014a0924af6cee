import type { Arch } from '../core/arch.ts';
import type { Suite } from '../core/suite.ts';
import type { KernelSpec } from './kernel.ts';
import type { NetworkSpec } from './networks/network-spec.ts';
import type { Service } from './service.ts';

/** A machine's definition, parsed, checked, with its built-in services spelled out. */
export interface VmSpec {
  readonly name: string;
  readonly arch: Arch;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Size of the data disk; it grows to this, never shrinks. */
  readonly dataMib: number;
  readonly kernel: KernelSpec;
  /** The release of Debian that its packages come from. */
  readonly suite: Suite;
  /** An older one, for packages that only that one has: PostgreSQL's, while it is upgraded. */
  readonly olderSuite?: Suite | undefined;
  /** Debian packages beside those that services ask for. */
  readonly packages: readonly string[];
  /** Machines that are ready before this one starts. */
  readonly needs: readonly string[];
  readonly network: NetworkSpec;
  readonly services: readonly Service[];
  /** A URL that `health` tells how the machine fares. */
  readonly notify?: string | undefined;
  /** auto: a boot that fails with something new goes back to what was there before. */
  readonly rollback?: 'auto' | undefined;
  /** Absolute path of the folder that holds vm.yaml. */
  readonly directory: string;
}
