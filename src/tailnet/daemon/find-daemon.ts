import { VmkitError } from '../../core/errors/errors.ts';
import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import type { ExecOptions, ExecResult } from '../../host/host.ts';
import { type TailscaleStatus, tailscaleStatus } from '../tailscale-json.ts';
import { type Candidate, daemonCandidates, LOOK_FOR_DAEMONS } from './candidates.ts';

/** A tailscaled that answers. */
export interface Daemon {
  readonly socket: string;
  /** `process 412`, `a usual place`. */
  readonly foundBy: string;
  readonly pid: number | undefined;
  /** Its `tailscale`, with the socket: the start of an argv. */
  readonly tailscale: readonly string[];
  readonly status: TailscaleStatus;
}

/** How often it is asked for its state at most: one that hangs answers nobody. */
const ASK_MS = 5_000;

/**
 * The tailscaled of this system that serves best: one that runs by TUN, so that the system routes the tailnet; else one that runs; else one that answers. Undefined
 * where none answers.
 */
export async function findDaemon({ host, signal }: Pick<Context, 'host' | 'signal'>): Promise<Daemon | undefined> {
  const { stdout } = await host.exec(['sh'], { input: LOOK_FOR_DAEMONS, withinMs: 10_000, signal });
  const candidates = daemonCandidates(stdout);
  const facts = await host.statAll(candidates.map(({ socket }) => socket));
  const there = candidates.filter((_, at) => facts[at]?.kind === 'socket');
  const asked = await Promise.all(there.map((candidate) => ask(candidate, { host, signal })));
  const found = asked.flatMap((daemon) => (daemon === undefined ? [] : [daemon]));
  return found.sort((one, other) => rank(other.status) - rank(one.status))[0];
}

/** The same; throws `no-daemon` where none answers, and for one that is in no tailnet. */
export async function requireDaemon(context: Pick<Context, 'host' | 'signal'>): Promise<Daemon> {
  const daemon = await findDaemon(context);
  if (daemon?.status.BackendState === 'Running') return daemon;
  const why =
    daemon === undefined
      ? 'no tailscaled answers: none runs in this network, and no socket is in a usual place'
      : `the tailscaled at ${daemon.socket} (${daemon.foundBy}) is ${daemon.status.BackendState}`;
  throw new VmkitError('unreachable', 'no-daemon', `This computer is in no tailnet: ${why}.`, {
    hint: 'tailscale up; or, without root: vmkit tailnet join --userspace. A socket may be open to root only.',
  });
}

/** Runs its `tailscale`. */
export function askDaemon(
  { tailscale }: Pick<Daemon, 'tailscale'>,
  args: readonly string[],
  { host, signal }: Pick<Context, 'host' | 'signal'>,
  options: Pick<ExecOptions, 'withinMs'> = { withinMs: 10_000 },
): Promise<ExecResult> {
  return host.exec([...tailscale, ...args], { ...options, signal });
}

function rank({ BackendState: state, TUN: isTun }: TailscaleStatus): number {
  return (state === 'Running' ? 2 : 0) + (isTun ? 1 : 0);
}

async function ask(
  { socket, foundBy, pid, folder }: Candidate,
  context: Pick<Context, 'host' | 'signal'>,
): Promise<Daemon | undefined> {
  for (const program of [...(folder === undefined ? [] : [`${folder}/tailscale`]), 'tailscale']) {
    const tailscale = [program, `--socket=${socket}`];
    const answer = await askDaemon({ tailscale }, ['status', '--json'], context, { withinMs: ASK_MS }).catch(missing);
    const status = parseJson(answer?.stdout, tailscaleStatus);
    if (status !== undefined) return { socket, foundBy, pid, tailscale, status };
  }
  return undefined;
}

/** No such program, or one that hangs. */
function missing(error: unknown): undefined {
  if (error instanceof VmkitError && (error.code === 'tool-missing' || error.code === 'tool-timeout')) return undefined;
  throw error;
}
