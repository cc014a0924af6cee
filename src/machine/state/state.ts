import { basename } from 'node:path';
import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { MachinePaths } from '../../core/paths.ts';
import { PROTOCOLS } from '../../core/protocol.ts';
import { safeJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { networkSchema } from '../../spec/networks/networks.ts';
import { port } from '../../spec/units.ts';
import { ACCELERATORS, VMMS } from '../vmm/vmm-facts.ts';

const backgroundProcess = z.object({
  pid: z.number().int().positive(),
  startTime: z.number(),
  /** Of the host; a vmkit without this did not record it. */
  bootId: z.string().optional(),
});

export const stateSchema = z.object({
  /** Raised when the meaning of a field changes. */
  version: z.literal(1),
  name: z.string(),
  /** What runs it; a vmkit without this had QEMU. */
  vmm: z.enum(VMMS).default('qemu'),
  /** Its monitor: this very process. */
  ...backgroundProcess.shape,
  /** The process between its network card and the world, with the world `internet`. */
  gate: backgroundProcess.optional(),
  startedAt: z.iso.datetime(),
  accelerator: z.object({ name: z.enum(ACCELERATORS), reason: z.string() }),
  /** Undefined for a machine that an older vmkit started. */
  kernel: z.string().optional(),
  cpus: z.number(),
  memoryMib: z.number(),
  services: z.array(z.string()),
  ports: z.array(
    z.object({
      service: z.string(),
      name: z.string(),
      protocol: z.enum(PROTOCOLS),
      guestPort: port,
      hostPort: port,
    }),
  ),
  sshPort: port,
  /** The machines that it needs. */
  needs: z.array(z.string()).default([]),
  network: z.preprocess(withOldWorld, networkSchema),
  /** The machine that it was started for, where nobody asked for it by name. */
  startedFor: z.string().optional(),
  /** What a person needs to know to log in; the secret itself stays in the file. */
  tells: z.array(z.object({ service: z.string(), text: z.string(), file: z.string() })),
  /** Kind of artifact → key. */
  artifacts: z.record(z.string(), z.string()),
});

/** A machine of a vmkit that did not record what it may dial had the whole host. */
function withOldWorld(network: unknown = { kind: 'user' }): unknown {
  const old = z.looseObject({ kind: z.enum(['user', 'private']) }).safeParse(network);
  return old.success ? { world: 'host', ...old.data } : network;
}

/** What is recorded of a machine while it runs: state.json. */
export type MachineState = z.infer<typeof stateSchema>;
export type OpenPort = MachineState['ports'][number];

/** The same beside the data disk, where every state folder finds it. */
const powerRecordSchema = stateSchema.extend({ stateDir: z.string() });
type PowerRecord = z.infer<typeof powerRecordSchema>;

/** state.json of a machine; undefined for what is not whole, an older vmkit's, or another machine's. */
export async function readState(
  paths: MachinePaths,
  { host }: Pick<Context, 'host'>,
): Promise<MachineState | undefined> {
  return ofThisMachine(parseState(await readText(paths.stateFile, host)), paths);
}

export function parseState(text: string): MachineState | undefined {
  return stateSchema.safeParse(safeJson(text)).data;
}

/** What the file says that the monitor holds: the launch script writes it before that begins, so it may be half written or of an earlier run. */
export async function readPowerRecord(
  paths: MachinePaths,
  { host }: Pick<Context, 'host'>,
): Promise<PowerRecord | undefined> {
  const text = await readText(paths.powerLock, host);
  return ofThisMachine(powerRecordSchema.safeParse(safeJson(text)).data, paths);
}

/** What is no file, or too long to be one of ours, is as good as damaged: the other file may say it, and other machines are not its matter. */
async function readText(path: string, host: Host): Promise<string> {
  try {
    return (await host.readOurs(path)) ?? '';
  } catch (error) {
    if (error instanceof VmkitError && ['not-a-file', 'file-too-long'].includes(error.code)) return '';
    throw error;
  }
}

function ofThisMachine<State extends MachineState>(state: State | undefined, paths: MachinePaths): State | undefined {
  return state?.name === basename(paths.dataDir) ? state : undefined;
}

export async function writeState(
  paths: MachinePaths,
  state: MachineState,
  { host }: Pick<Context, 'host'>,
): Promise<void> {
  await host.write(paths.stateFile, `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** Forgets a machine that does not run: its state and its sockets. The console's log stays, to be read. */
export async function clearState(paths: MachinePaths, host: Host): Promise<void> {
  await host.remove(paths.stateFile);
  await host.remove(paths.runDir);
  // The file stays: who waits for its lock must wait for the same one.
  if ((await host.stat(paths.powerLock))?.bytes) await host.exec(['truncate', '-s', '0', paths.powerLock]);
}
