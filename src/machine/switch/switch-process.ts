import * as z from 'zod';
import { VmkitError } from '../../core/errors/errors.ts';
import type { NetworkPaths } from '../../core/paths.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import { ownProgram } from '../own-program.ts';

const processSchema = z.object({ pid: z.number(), startTime: z.number(), bootId: z.string().optional() });

/** Starts the switch of a network if it does not run. Call it with the network's lock held. Throws `node-missing`. */
export async function ensureSwitch(paths: NetworkPaths, { host }: Pick<Context, 'host'>): Promise<void> {
  const known = parseJson(await host.readOurs(paths.switchFile), processSchema);
  if (known !== undefined && (await host.isRunning(known))) return;
  const program = await ownProgram('network-switch', host);
  if (program === undefined) throw needsNode(host.name);
  const started = await host.start([...program, paths.membersDir], { logFile: paths.switchLog });
  await host.write(paths.switchFile, `${JSON.stringify(started)}\n`);
}

function needsNode(host: string): VmkitError {
  return new VmkitError(
    'host',
    'node-missing',
    `A private network on ${host} needs Node there: its switch is a program of vmkit.`,
    {
      hint: 'Install Node 20 or later there. A machine with `network: user` needs none.',
    },
  );
}
