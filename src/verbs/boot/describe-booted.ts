import { withAddress } from '../../machine/ports.ts';
import type { MachineState } from '../../machine/state/state.ts';
import type { BootOutcome } from './boot-flow.ts';

/** A machine that was booted, as data for people and programs. */
export interface BootedDescription {
  readonly name: string;
  readonly wasRunning: boolean;
  readonly isOutdated: boolean;
  /** Seconds from power-on until every service was ready, as the guest's kernel counts. */
  readonly bootedAfter: number | undefined;
  readonly accelerator: MachineState['accelerator'];
  /** `Linux 6.12.9, vmkit's own`; undefined for a machine that an older vmkit started. */
  readonly kernel: string | undefined;
  readonly ports: readonly ReturnType<typeof withAddress>[];
  /** What a person logs in with, and the file that holds the secret. */
  readonly logins: MachineState['tells'];
}

export function describeBooted({ state, progress, wasRunning, isOutdated }: BootOutcome): BootedDescription {
  return {
    name: state.name,
    wasRunning,
    isOutdated,
    bootedAfter: progress.end?.kind === 'booted' ? progress.end.uptime : undefined,
    accelerator: state.accelerator,
    kernel: state.kernel,
    ports: state.ports.map(withAddress),
    logins: state.tells,
  };
}
