import type { Arch } from '../core/arch.ts';
import type { DiskSerial } from '../spec/disks.ts';
import type { NetworkSpec } from '../spec/networks/network-spec.ts';
import type { ServicePort } from '../spec/service.ts';

export interface DescribedDisk {
  /** What the guest finds it by, and what it holds. */
  readonly serial: DiskSerial;
  readonly isReadOnly: boolean;
}

export interface DescribedPort {
  readonly service: string;
  readonly name: string;
  readonly protocol: ServicePort['protocol'];
  readonly guestPort: number;
  /** The port of the host that the definition asks for. */
  readonly hostPort: number | undefined;
}

/** What a machine consists of, whatever runs it and wherever. It follows from the definition alone: describeMachine in plan.ts. */
export interface MachineDescription {
  readonly name: string;
  readonly arch: Arch;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly disks: readonly DescribedDisk[];
  readonly services: readonly string[];
  readonly ports: readonly DescribedPort[];
  readonly network: NetworkSpec;
  /** Other machines that it needs. */
  readonly needs: readonly string[];
}
