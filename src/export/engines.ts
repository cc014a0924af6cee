import { crosvm } from './crosvm.ts';
import { firecracker } from './firecracker.ts';
import { incus } from './incus.ts';
import { kubevirt } from './kubevirt.ts';
import { libvirt } from './libvirt.ts';
import type { Engine, Exported, ExportedMachine } from './machine.ts';
import { qemuScript } from './qemu-script.ts';
import { readme } from './readme.ts';
import { systemd } from './systemd.ts';

export const ENGINE_NAMES = [
  'systemd',
  'libvirt',
  'kubevirt',
  'incus',
  'crosvm',
  'firecracker',
  'qemu-script',
] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

const ENGINES: Readonly<Record<EngineName, Engine>> = {
  systemd,
  libvirt,
  kubevirt,
  incus,
  crosvm,
  firecracker,
  'qemu-script': qemuScript,
};

/** A machine as an engine takes it, with a README. Pure. Throws `export-cannot`. */
export function exportTo(name: EngineName, machine: ExportedMachine): Exported {
  const exported = ENGINES[name].render(machine);
  return { ...exported, files: [...exported.files, readme(machine, ENGINES[name], exported)] };
}
