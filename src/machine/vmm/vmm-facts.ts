/** The monitors that a machine's state may name; drivers.ts has their drivers. */
export const VMMS = ['qemu', 'crosvm', 'phone', 'avf'] as const;
export type VmmName = (typeof VMMS)[number];

export const ACCELERATORS = ['kvm', 'tcg'] as const;
export type AcceleratorName = (typeof ACCELERATORS)[number];

/** The command lines of crosvm's builds (crosvm/dialect.ts). */
export const DIALECT_NAMES = ['named', 'keys', 'words'] as const;
export type DialectName = (typeof DIALECT_NAMES)[number];

/** What `vm run` of each release takes (packages/modules/Virtualization: libs/vmconfig/src/lib.rs, vm/src/main.rs, vm/src/run.rs), the oldest first. */
export const AVF_RELEASES = ['13', '14', '14 QPR2', '15', '15 QPR1', '15 QPR2', '16', '17'] as const;
export type AvfRelease = (typeof AVF_RELEASES)[number];

/** What a monitor is on its host. */
export interface VmmFacts {
  readonly version: string;
  /** Whether it can give up system calls that it does not need (seccomp). */
  readonly hasSandbox: boolean;
  /** Of crosvm: the command line that this build takes. */
  readonly dialect?: DialectName;
  /** Of AVF: which keys and flags its `vm run` takes. */
  readonly release?: AvfRelease;
  /** Of a phone's crosvm: its path there, and what it runs on. */
  readonly program?: string;
  readonly hypervisor?: 'kvm' | 'geniezone' | 'gunyah';
}
