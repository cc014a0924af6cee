import type { DiskSerial } from '../spec/disks.ts';
import type { ServicePort } from '../spec/service.ts';
import type { MachineDescription } from './description.ts';
import type { Logs } from './vmm/launch/recorder.ts';
import type { AcceleratorName, VmmFacts } from './vmm/vmm-facts.ts';

export interface PortForward {
  /** udp: open on every address of the host; everything else is TCP on 127.0.0.1. */
  readonly protocol: ServicePort['protocol'];
  readonly hostPort: number;
  readonly guestPort: number;
}

/** What a machine has of its host: placeMachine in plan.ts. Paths are absolute. */
export interface Placing {
  readonly facts: VmmFacts;
  readonly accelerator: AcceleratorName;
  readonly kernel: string;
  readonly initramfs: string;
  /** The kernel's. Nothing on it is a secret. */
  readonly commandLine: string;
  /** A disk without a file comes on standard input at the start, in memory and in no file. */
  readonly diskFiles: Readonly<Partial<Record<DiskSerial, string>>>;
  readonly forwards: readonly PortForward[];
  /** The device file of the second card's end, where that has one. */
  readonly device: string | undefined;
  readonly logs: Logs;
}

/** All that a monitor is told. */
export interface PlacedMachine extends MachineDescription, Placing {}
