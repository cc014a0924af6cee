import { rm } from 'node:fs/promises';
import * as z from 'zod';
import { VmkitError } from '../core/errors.ts';
import { type MachinePaths, machinePaths } from '../core/paths.ts';
import { isRunning } from '../host/background.ts';
import type { Context } from '../host/context.ts';
import { WORLDS } from '../spec/network.ts';

const port = z.number().int().min(1).max(65535);

/** A machine of a vmkit without this had the whole host. */
const world = { world: z.enum(WORLDS).default('host'), hostAccess: z.array(port).readonly().default([]) };

const backgroundProcess = z.object({ pid: z.number().int().positive(), startTime: z.number() });

const stateSchema = z.object({
  /** Raised when the meaning of a field changes. */
  version: z.literal(1),
  name: z.string(),
  pid: z.number().int().positive(),
  /** With the pid: this very process. */
  startTime: z.number(),
  /** The process between its network card and the world, with the world `internet`. */
  gate: backgroundProcess.optional(),
  startedAt: z.iso.datetime(),
  accelerator: z.object({ name: z.enum(['kvm', 'tcg']), reason: z.string() }),
  cpus: z.number(),
  memoryMib: z.number(),
  services: z.array(z.string()),
  ports: z.array(
    z.object({
      service: z.string(),
      name: z.string(),
      protocol: z.enum(['http', 'ssh', 'postgres', 'tcp', 'udp']),
      guestPort: port,
      hostPort: port,
    }),
  ),
  sshPort: port,
  /** The machines that it needs. */
  needs: z.array(z.string()).default([]),
  network: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('user'), ...world }),
      z.object({ kind: z.literal('private'), address: z.string(), ...world }),
      z.object({ kind: z.literal('bridge'), address: z.string() }),
      z.object({
        kind: z.literal('macvtap'),
        on: z.string(),
        address: z.string(),
        gateway: z.string().optional(),
      }),
    ])
    .default({ kind: 'user', world: 'host', hostAccess: [] }),
  /** The machine that it was started for, where nobody asked for it by name. */
  startedFor: z.string().optional(),
  /** What a person needs to know to log in; the secret itself stays in the file. */
  tells: z.array(z.object({ service: z.string(), text: z.string(), file: z.string() })),
  /** Kind of artifact → key. */
  artifacts: z.record(z.string(), z.string()),
});

/** What is recorded of a machine while it runs: state.json. */
export type MachineState = z.infer<typeof stateSchema>;
export type OpenPort = MachineState['ports'][number];

/** The machine if its very process runs. A state that a dead process left behind counts as none. */
export async function runningMachine(
  name: string,
  context: Pick<Context, 'host' | 'paths'>,
): Promise<MachineState | undefined> {
  const state = await readState(machinePaths(context.paths, name), context);
  return state !== undefined && isRunning(state) ? state : undefined;
}

/** The same; throws `machine-off` when it does not run. */
export async function requireRunning(name: string, context: Pick<Context, 'host' | 'paths'>): Promise<MachineState> {
  const state = await runningMachine(name, context);
  if (state !== undefined) return state;
  throw new VmkitError('boot', 'machine-off', `The machine ${name} does not run.`, { hint: `vmkit boot ${name}` });
}

export async function readState(
  paths: MachinePaths,
  { host }: Pick<Context, 'host'>,
): Promise<MachineState | undefined> {
  const bytes = await host.read(paths.stateFile);
  return bytes === undefined ? undefined : parseState(Buffer.from(bytes).toString('utf8'));
}

/** Undefined for what is not a whole state: an older vmkit's, or a damaged file. */
export function parseState(text: string): MachineState | undefined {
  try {
    return stateSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export async function writeState(
  paths: MachinePaths,
  state: MachineState,
  { host }: Pick<Context, 'host'>,
): Promise<void> {
  await host.write(paths.stateFile, `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** Forgets a machine that does not run: its state and its sockets. The console's log stays, to be read. */
export async function clearState(paths: MachinePaths): Promise<void> {
  const { stateFile, consoleSocket, qmpSocket, linkSocket, gateGuestSocket, gateWorldSocket, secretsDisk } = paths;
  const sockets = [consoleSocket, qmpSocket, linkSocket, gateGuestSocket, gateWorldSocket];
  for (const path of [stateFile, ...sockets, secretsDisk]) await rm(path, { force: true });
}
