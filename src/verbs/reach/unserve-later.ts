import * as z from 'zod';
import { throwIfInterrupted } from '../../core/deadline.ts';
import { messageOf } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { unserveInGuest } from './expose-guest.ts';

const unserveSchema = z.object({ version: z.literal(1), ports: z.array(z.number().int()) });

/** The ports in the guest whose added serve entries are still to be taken back. */
export async function portsToUnserve(
  machine: string,
  { host, paths }: Pick<Context, 'host' | 'paths'>,
): Promise<readonly number[]> {
  const bytes = await host.read(machinePaths(paths, machine).unserveFile);
  return parseJson(Buffer.from(bytes ?? '').toString('utf8'), unserveSchema)?.ports ?? [];
}

/** Remembers that a port is not to be served any more. The caller holds the machine's lock. */
export async function unserveLater(machine: string, port: number, context: Context): Promise<void> {
  await write(machine, [...new Set([...(await portsToUnserve(machine, context)), port])], context);
}

/** The port was taken back, or is served again on purpose. */
export async function forgetUnserve(machine: string, port: number, context: Context): Promise<void> {
  const ports = await portsToUnserve(machine, context);
  if (ports.includes(port))
    await write(
      machine,
      ports.filter((each) => each !== port),
      context,
    );
}

/** What was left for this boot is taken back, now that the guest answers. A failure is told, fails no boot, and leaves it for the next one. */
export async function unserveNow(machine: string, context: Context): Promise<void> {
  const note = (text: string): void => context.report({ kind: 'note', text });
  for (const port of await portsToUnserve(machine, context)) {
    try {
      for (const { as, port: served, to } of await unserveInGuest({ machine, port }, context)) {
        note(`taken back, as unexpose asked: ${machine} serves ${as} ${served} → ${to}`);
      }
      await forgetUnserve(machine, port, context);
    } catch (error) {
      throwIfInterrupted(context.signal);
      note(`${machine} still serves its port ${port}, which unexpose was to take back: ${messageOf(error)}`);
    }
  }
}

async function write(machine: string, ports: readonly number[], { host, paths }: Context): Promise<void> {
  const { unserveFile } = machinePaths(paths, machine);
  if (ports.length === 0) await host.remove(unserveFile);
  else await host.write(unserveFile, `${JSON.stringify({ version: 1, ports })}\n`, 0o600);
}
