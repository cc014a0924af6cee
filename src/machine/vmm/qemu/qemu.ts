import { DISK_SERIALS } from '../../../spec/disks.ts';
import { launch } from '../launch/launch.ts';
import { usedMib } from '../launch/used-memory.ts';
import { zeroSecrets } from '../launch/zero-secrets.ts';
import type { Vmm } from '../vmm.ts';
import { decideAccelerator, knownAccelerator } from './accelerator.ts';
import { kernelParameters, qemuBinary, qemuCommand } from './argv.ts';
import { changes } from './changes.ts';
import { copyDisk } from './copy-disk.ts';
import { qemuFacts } from './facts.ts';
import { resume, whatHolds } from './held.ts';
import { cancelSave, letGoOn, memoryPhase, saveMemory, startSaved } from './memory.ts';
import { qmpCommand } from './qmp.ts';

/** QEMU, by its control socket (QMP). */
export const qemu: Vmm = {
  name: 'qemu',
  title: 'QEMU',
  abilities: new Set(['host-ports', 'user-network', 'stream', 'tap', 'macvtap', 'power-key', 'own-user']),
  program: qemuBinary,
  kernelParameters,
  facts: qemuFacts,
  knownAccelerator,
  decideAccelerator,
  command: qemuCommand,
  start: (machine, start, host) => launch(qemuCommand(machine), machine, start, host),
  whatHolds,
  resume,
  pressPowerKey: async ({ controlSocket }, withinMs, host) =>
    void (await qmpCommand(controlSocket, 'system_powerdown', host, withinMs)),
  quit: async ({ controlSocket }, host) => void (await qmpCommand(controlSocket, 'quit', host)),
  copyDisk,
  changes,
  growDisk: async ({ controlSocket }, bytes, host) => {
    const grown = { 'node-name': DISK_SERIALS.data, size: bytes };
    await qmpCommand(controlSocket, { execute: 'block_resize', arguments: grown }, host, 60_000);
  },
  memory: { save: saveMemory, start: startSaved, phase: memoryPhase, cancel: cancelSave, goOn: letGoOn },
  usedMib,
  forgetSecrets: zeroSecrets,
};
