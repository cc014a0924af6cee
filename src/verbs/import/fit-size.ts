import { VmkitError } from '../../core/errors/errors.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import type { Dump } from './read-dump.ts';

const MIB = 1024 ** 2;
/** Rows take about what their statements do; indexes and the log of transactions come beside them. */
const SQL_FACTOR = 2;
const SPARE_BYTES = 64 * MIB;

/** What a dump takes on the data disk, in bytes. */
export function bytesNeeded({ sqlBytes, fileBytes }: Pick<Dump, 'sqlBytes' | 'fileBytes'>): number {
  return SQL_FACTOR * sqlBytes + fileBytes + SPARE_BYTES;
}

/** Before anything is copied: what cannot fit. What else is on the disk is seen there. Throws `dump-too-large`. */
export function requireSize(spec: Pick<VmSpec, 'name' | 'dataMib'>, neededBytes: number): void {
  if (neededBytes > spec.dataMib * MIB) throw tooLarge(spec, neededBytes, spec.dataMib * MIB);
}

export function tooLarge(
  { name, dataMib }: Pick<VmSpec, 'name' | 'dataMib'>,
  neededBytes: number,
  freeBytes: number,
): VmkitError {
  const missing = Math.ceil((neededBytes - freeBytes) / MIB);
  // File systems keep some for themselves.
  const wanted = Math.ceil((dataMib + missing * 1.1 + 64) / 1024);
  const text = `The dump takes ${Math.ceil(neededBytes / MIB)} MiB on the data disk of ${name}, and there is room for ${Math.floor(freeBytes / MIB)} MiB. Nothing was changed.`;
  return new VmkitError('host', 'dump-too-large', text, {
    hint: `Write data: ${wanted}GiB into vm.yaml, and run it again: the disk grows.`,
  });
}
