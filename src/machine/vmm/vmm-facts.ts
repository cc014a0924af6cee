/** The monitors that a machine's state may name; drivers.ts has their drivers. */
export const VMMS = ['qemu', 'crosvm', 'phone'] as const;
export type VmmName = (typeof VMMS)[number];

export const ACCELERATORS = ['kvm', 'tcg'] as const;
export type AcceleratorName = (typeof ACCELERATORS)[number];

/** The command lines of crosvm's builds (crosvm/dialect.ts). */
export const DIALECT_NAMES = ['named', 'keys', 'words'] as const;
export type DialectName = (typeof DIALECT_NAMES)[number];

/** What a monitor is on its host. */
export interface VmmFacts {
  readonly version: string;
  /** Whether it can give up system calls that it does not need (seccomp). */
  readonly hasSandbox: boolean;
  /** Of crosvm: the command line that this build takes. */
  readonly dialect?: DialectName;
  /** Of a phone's crosvm: its path there, and what it runs on. */
  readonly program?: string;
  readonly hypervisor?: 'kvm' | 'geniezone' | 'gunyah';
}
