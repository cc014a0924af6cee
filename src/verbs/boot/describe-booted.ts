import { withAddress } from '../../machine/ports.ts';
import type { MachineState } from '../../machine/state/state.ts';
import type { BootOutcome } from './boot-flow.ts';
import type { WentBack } from './last-good/go-back.ts';

/** A machine that was booted, as data for people and programs. */
export interface BootedDescription {
  readonly name: string;
  readonly wasRunning: boolean;
  readonly wasSuspended: boolean;
  readonly isOutdated: boolean;
  readonly changes: readonly string[];
  /** Seconds from power-on until every service was ready, as the guest's kernel counts. */
  readonly bootedAfter: number | undefined;
  readonly accelerator: MachineState['accelerator'];
  /** `Linux 6.12.9, vmkit's own`; undefined for a machine that an older vmkit started. */
  readonly kernel: string | undefined;
  readonly ports: readonly ReturnType<typeof withAddress>[];
  /** It did not get ready with what is new, and runs again as it did before. */
  readonly wentBack: WentBack | undefined;
  /** What a person logs in with, and the file that holds the secret. */
  readonly logins: MachineState['tells'];
}

export function describeBooted(outcome: BootOutcome): BootedDescription {
  const { state, progress, wasRunning, wasSuspended = false, changes, wentBack } = outcome;
  return {
    name: state.name,
    wasRunning,
    wasSuspended,
    isOutdated: changes.length > 0,
    changes,
    bootedAfter: progress.end?.kind === 'booted' ? progress.end.uptime : undefined,
    accelerator: state.accelerator,
    kernel: state.kernel,
    ports: state.ports.map(withAddress),
    wentBack,
    logins: state.tells,
  };
}
