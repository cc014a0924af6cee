import * as z from 'zod';
import { VmkitError } from '../core/errors/errors.ts';
import { safeJson } from '../core/text/json.ts';
import { NAME } from '../core/text/names.ts';

/** The files of a backup, by their names in its folder. */
export const BACKUP_FILES = {
  manifest: 'machine.json',
  disk: 'data.img',
  /** What changed of the disk since; absent where it is as it was. */
  changes: 'changes.qcow2',
  identity: 'identity.json',
  secrets: 'secrets',
  /** The folder of the definition: vm.yaml, and fragments of a kernel. */
  definition: 'definition',
} as const;

const manifestSchema = z.object({
  /** Raised when the meaning of a field changes. */
  version: z.literal(1),
  name: z.string().regex(NAME),
  /** Of its identity: restored, it is this machine. */
  machineId: z.string(),
  takenAt: z.iso.datetime(),
  /** The computer that it was on. */
  host: z.string(),
  isRunning: z.boolean(),
  diskBytes: z.number().int().positive(),
  /** Kind of artifact → key: what it ran on. */
  artifacts: z.record(z.string(), z.string()),
  kernel: z.string().optional(),
});

/** What a backup says of itself. */
export type Manifest = z.infer<typeof manifestSchema>;

/** Throws `backup-damaged`. */
export function parseManifest(text: string, where: string): Manifest {
  const read = manifestSchema.safeParse(safeJson(text));
  if (read.success) return read.data;
  throw new VmkitError('host', 'backup-damaged', `${where} holds no ${BACKUP_FILES.manifest} that this vmkit reads.`, {
    hint: 'Is it a backup of vmkit, of this version or an older one? vmkit backups lists them.',
  });
}
