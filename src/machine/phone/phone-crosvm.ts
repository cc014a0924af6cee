import { VmkitError } from '../../core/errors/errors.ts';
import { crosvmArgv, KERNEL_PARAMETERS, PROGRAM } from '../vmm/crosvm/argv.ts';
import { crosvmHeld } from '../vmm/crosvm/crosvm.ts';
import { dialectOf } from '../vmm/crosvm/dialect.ts';
import { usedMib } from '../vmm/launch/used-memory.ts';
import { monitorGone } from '../vmm/monitor-gone.ts';
import type { Vmm } from '../vmm/vmm.ts';
import type { VmmFacts } from '../vmm/vmm-facts.ts';
import { findCrosvm, type PhoneCrosvm } from './find-crosvm.ts';
import { phonePlace } from './phone-place.ts';
import { MACHINE_FILES as FILES, PHONE } from './places.ts';
import { release, startOnPhone } from './start-on-phone.ts';

/** crosvm of a rooted phone, as a child of the supervisor there: it starts a guest that reboots again, and one that is to be off no more. */
export const phoneCrosvm: Vmm = {
  name: 'phone',
  title: 'crosvm',
  abilities: new Set(['tap']),
  program: () => PROGRAM,
  kernelParameters: () => KERNEL_PARAMETERS,
  facts: async (arch, context) => {
    const found = await findCrosvm(arch, context);
    if ('lacks' in found) throw monitorGone(context.host.name, found.lacks);
    return phoneFacts(found);
  },
  knownAccelerator: async ({ machine }) => accelerator(machine.facts.hypervisor),
  decideAccelerator: async ({ machine }) => accelerator(machine.facts.hypervisor),
  command: (machine) => ({
    argv: crosvmArgv(machine, phonePlace(machine), dialectOf(machine.facts.dialect ?? 'named')),
    files: [],
  }),
  start: startOnPhone,
  whatHolds: crosvmHeld,
  resume: async (_held, process, _sockets, host) => void (await host.signal(process, 'SIGCONT')),
  pressPowerKey: async () => {
    throw new TypeError('crosvm has no power key on arm64.');
  },
  quit: async ({ controlSocket }, host) => {
    const name = machineOf(controlSocket);
    await release(name, host);
    const folder = `${PHONE.machines}/${name}`;
    const { exitCode, stdout, stderr } = await host.exec(['sh', `${folder}/${FILES.stop}`], { withinMs: 10_000 });
    if (exitCode === 0) return;
    throw new VmkitError('host', 'crosvm-failed', `crosvm stop: ${stderr.trim() || stdout.trim()}`);
  },
  release,
  usedMib,
  // A guest that reboots takes them again. They are gone when the machine is off.
  forgetSecrets: async () => undefined,
};

export function phoneFacts(found: PhoneCrosvm): VmmFacts {
  return { version: found.program, hasSandbox: false, ...found };
}

function accelerator(hypervisor: string | undefined): { name: 'kvm'; reason: string } {
  const names: Readonly<Record<string, string>> = { geniezone: 'GenieZone', gunyah: 'Gunyah' };
  return { name: 'kvm', reason: `crosvm on ${names[hypervisor ?? ''] ?? 'KVM'}` };
}

/** Of `…/NAME/run/qmp.sock`. */
function machineOf(controlSocket: string): string {
  return controlSocket.split('/').at(-3) ?? '';
}
