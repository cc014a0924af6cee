import { VmkitError } from '../../../core/errors/errors.ts';
import type { MachinePaths } from '../../../core/paths.ts';
import type { Host, HostProcess } from '../../../host/host.ts';
import type { PlacedMachine } from '../../placing.ts';
import { isHaltedBySignal } from '../launch/halted.ts';
import { launch } from '../launch/launch.ts';
import { usedMib } from '../launch/used-memory.ts';
import { zeroSecrets } from '../launch/zero-secrets.ts';
import type { Accelerator, Held, Vmm } from '../vmm.ts';
import { crosvmCommand, KERNEL_PARAMETERS, PROGRAM } from './argv.ts';
import { crosvmFacts } from './facts.ts';
import { requireTap } from './require-tap.ts';

const KVM: Accelerator = { name: 'kvm', reason: 'crosvm has no software emulation' };

/** crosvm on a Linux host, by its own commands. On Android the supervisor of the phone starts it (machine/phone), with the same command line. */
export const crosvm: Vmm = {
  name: 'crosvm',
  title: 'crosvm',
  // No power key on arm64: `unexpected response: error: Operation not supported`.
  abilities: new Set(['tap', 'own-user']),
  program: () => PROGRAM,
  kernelParameters: () => KERNEL_PARAMETERS,
  facts: crosvmFacts,
  knownAccelerator: async () => KVM,
  decideAccelerator: async () => KVM,
  command: crosvmCommand,
  start: async (machine: PlacedMachine, start, host: Host) => {
    await requireTap(machine, host);
    return launch(crosvmCommand(machine), machine, start, host);
  },
  whatHolds: crosvmHeld,
  resume: async (_held, process, _sockets, host) => void (await host.signal(process, 'SIGCONT')),
  pressPowerKey: async () => {
    throw new TypeError('crosvm has no power key on arm64.');
  },
  quit: async ({ controlSocket }, host) => order('stop', controlSocket, host),
  usedMib,
  forgetSecrets: zeroSecrets,
};

/** crosvm cannot be asked whether a guest runs; a signal is all that can be seen. */
export async function crosvmHeld(process: HostProcess, _sockets: unknown, host: Host): Promise<Held | undefined> {
  if (!(await isHaltedBySignal(process, host))) return undefined;
  return {
    state: 'sigstop',
    text: 'halted: crosvm was stopped by a signal (SIGSTOP)',
    hint: 'kill -CONT and its pid lets it go on. vmkit stop does that and stops it cleanly.',
    kind: 'other',
    canGoOn: true,
  };
}

async function order(what: 'stop', socket: MachinePaths['controlSocket'], host: Host): Promise<void> {
  const { exitCode, stderr, stdout } = await host.exec([PROGRAM, what, socket], { withinMs: 10_000 });
  if (exitCode === 0) return;
  throw new VmkitError('host', 'crosvm-failed', `crosvm ${what} ${socket}: ${stderr.trim() || stdout.trim()}`);
}
