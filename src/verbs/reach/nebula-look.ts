import { VmkitError } from '../../core/errors/errors.ts';
import { readJournal } from '../../host/changes/change-journal.ts';
import type { Context } from '../../host/context.ts';
import { withGuest } from '../../machine/guest.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { questionTo } from '../../net/question.ts';
import type { Target } from '../../reach/facts.ts';
import type { Watcher } from '../../reach/look/peer/followed-dial.ts';
import { lookByNebula } from '../../reach/look/tunnels/by-nebula.ts';
import { NEBULA_COMMANDS, type NebulaFacts } from '../../reach/look/tunnels/nebula-facts.ts';
import type { Observation } from '../../reach/observation.ts';
import type { NebulaNode } from '../../spec/service.ts';
import { PROBE_CLIENT } from '../../spec/services/nebula.ts';
import { nebulaClientConfig } from '../../spec/services/nebula-config.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { componentHere } from '../../tailnet/component-here.ts';
import { nebulaOf } from '../nebula-certificates.ts';
import { buildContext, runStep, type VerbContext } from '../step.ts';
import { readNebulaClient } from './nebula-client.ts';
import { isUdpForwarded, tunnelEndpoint } from './tunnel-endpoint.ts';

interface Around {
  /** Of the guest's nebula, as it was looked at before; undefined: it was not. */
  readonly logBefore: Observation | undefined;
  readonly watcher: Watcher;
}

/** The machine as a node of Nebula, looked at from a client of vmkit's own where `mayTry`; undefined where it is none. */
export async function lookAtNebula(
  spec: VmSpec,
  target: Target,
  mayTry: boolean,
  { logBefore, watcher }: Around,
  context: VerbContext,
): Promise<NebulaFacts | undefined> {
  const node = nebulaOf(spec);
  if (node === undefined) return undefined;
  const isForwarded = isUdpForwarded(spec, 'nebula', await readJournal(context));
  const facts = { node, isForwarded, client: undefined, whyUntried: undefined };
  if (!mayTry || !isForwarded) return facts;
  const reached = await tunnelEndpoint(spec, node.port, context.host);
  if ('whyNot' in reached) return { ...facts, whyUntried: reached.whyNot };
  const run = (inner: Context): ReturnType<typeof lookByNebula> =>
    tryClient(spec, node, target, { endpoint: reached.endpoint, logBefore, watcher }, { ...context, ...inner });
  return { ...facts, ...(await runStep({ title: 'looks from a node of Nebula', run }, context)) };
}

async function tryClient(
  spec: VmSpec,
  node: NebulaNode,
  target: Target,
  { endpoint, logBefore, watcher }: Around & { readonly endpoint: Endpoint },
  context: VerbContext,
): ReturnType<typeof lookByNebula> {
  const client = await readNebulaClient(spec.name, PROBE_CLIENT, context);
  if (client === undefined) return { whyUntried: `no certificate for vmkit's own client: vmkit boot ${spec.name}` };
  let nebula: string;
  try {
    nebula = await componentHere('nebula', buildContext(context));
  } catch (error) {
    if (!(error instanceof VmkitError) || error.code !== 'component-unavailable') throw error;
    return { whyUntried: 'this computer has no nebula to try it with: VMKIT_NEBULA=PATH gives one' };
  }
  const [address = ''] = node.address.split('/');
  const guestLog = (): Promise<Observation | undefined> => readGuestLog(spec.name, context);
  const config = (at: string): string => nebulaClientConfig({ node, endpoint: at, ...client });
  return lookByNebula(
    {
      nebula,
      config,
      client: PROBE_CLIENT,
      endpoint,
      address,
      port: target.port,
      question: questionTo(target.protocol, address),
      guestLog,
      logBefore,
      watcher,
    },
    buildContext(context),
  );
}

async function readGuestLog(machine: string, context: Context): Promise<Observation | undefined> {
  const command = NEBULA_COMMANDS.nebulaLog;
  const options = { input: command, withinMs: 5_000 };
  const said = await withGuest(machine, context, (guest) => guest.exec(['sh'], options)).catch(() => undefined);
  if (said === undefined) return undefined;
  return { vantage: 'guest', command, output: said.stdout.trim(), exitCode: said.exitCode };
}
