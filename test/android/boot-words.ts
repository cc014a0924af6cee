import { expect } from 'vitest';
import { onVmm } from '../../src/machine/abilities.ts';
import { type Booted, bootMachine, followMachine } from '../../src/machine/boot.ts';
import { chooseVmm } from '../../src/machine/choose-vmm.ts';
import { ensureDataDisk } from '../../src/machine/disks/data-disk.ts';
import { withMachine } from '../../src/machine/state/machine-lock.ts';
import { requireFree, runningMachine } from '../../src/machine/state/running.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';
import type { VerbContext } from '../../src/verbs/step.ts';

const SECRETS = `${'the-secret'.padEnd(511)}\n`;

/** Boots a machine on a phone whose monitor runs a guest of words, by the monitor of that name; follows it where it runs. `file`, on the phone, stands for kernel and disks. */
export function bootWords(spec: VmSpec, monitor: string, file: string, context: VerbContext): Promise<Booted> {
  return withMachine(spec.name, 'a test', context, async (machine) => {
    const running = await runningMachine(spec.name, context);
    if (running !== undefined) return followMachine(running, spec.services, context);
    await requireFree(machine, context);
    const { vmm } = await chooseVmm('x86_64', context);
    expect(vmm.name).toBe(monitor);
    const { spec: adapted } = onVmm(spec, vmm, 'adb:');
    const { uuid } = await ensureDataDisk(adapted, machine.paths, context);
    const files = { kernel: file, initramfs: file, root: file, components: undefined, modules: undefined };
    const what = { kernel: 'a stand-in', dataUuid: uuid, tells: [], artifacts: {}, user: undefined };
    return bootMachine({ spec: adapted, files, secrets: Buffer.from(SECRETS), ...what }, vmm, machine, context);
  });
}
