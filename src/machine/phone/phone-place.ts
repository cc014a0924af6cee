import { join } from 'node:path/posix';
import { networkOf } from '../../spec/networks/networks.ts';
import type { PlacedMachine } from '../placing.ts';
import { type CrosvmPlace, PROGRAM } from '../vmm/crosvm/argv.ts';
import { MACHINE_FILES as FILES, PHONE } from './places.ts';

/** Where crosvm finds what a machine of a phone consists of. The socket's path is the one that /proc/net/unix shows to the supervisor. Pure. */
export function phonePlace(machine: PlacedMachine): CrosvmPlace {
  const folder = join(PHONE.machines, machine.name);
  const files: Readonly<Record<string, string | undefined>> = {
    ...machine.diskFiles,
    kernel: machine.kernel,
    initramfs: machine.initramfs,
    console: machine.logs.console,
    events: machine.logs.events,
  };
  return {
    program: machine.facts.program ?? PROGRAM,
    fileOf: (role) => files[role] ?? join(PHONE.memory, machine.name),
    socket: join(folder, FILES.socket),
    input: join(folder, FILES.input),
    tap: networkOf(machine.network).card === undefined ? undefined : machine.name,
    cid: undefined,
    hypervisor: machine.facts.hypervisor ?? 'kvm',
  };
}
