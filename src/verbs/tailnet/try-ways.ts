import { randomBytes } from 'node:crypto';
import { messageOf } from '../../core/errors/errors.ts';
import { connectBySocks, connectDirectly } from '../../net/dial.ts';
import { measureTraffic, serveTraffic, type Traffic, type TrafficServer } from '../../net/traffic.ts';
import { componentHere } from '../../tailnet/component-here.ts';
import { type Daemon, findDaemon } from '../../tailnet/daemon/find-daemon.ts';
import { type MeasuredWay, measureWay } from '../../tailnet/measure/measured-way.ts';
import type { NodeRequest } from '../../tailnet/node/userspace-node.ts';
import { type PassingNode, withPassingNode } from '../../tailnet/peer/peer-node.ts';
import { runStep, type VerbContext } from '../step.ts';
import { requireKey } from './mint-key.ts';

export interface TriedWays {
  readonly measured: readonly MeasuredWay[];
  /** What was not measured, and why. */
  readonly left: readonly { readonly way: string; readonly why: string }[];
}

const DIAL_MS = 20_000;
const SERVED_PORT = 5202;

/**
 * Measures ways through the tailnet on this computer, those that need least first, with two nodes by userspace networking that are gone at the end, and this computer's own
 * tailscaled where it runs under TUN. Nothing else is changed. Throws `peer-not-joined`, `secret-not-given`.
 */
export async function tryWays(loginServer: string | undefined, context: VerbContext): Promise<TriedWays> {
  const service = await serveTraffic('127.0.0.1', 0);
  const measured: MeasuredWay[] = [];
  const left: TriedWays['left'][number][] = [];
  const row = async (
    way: string,
    pids: readonly number[],
    to: TrafficServer,
    run: () => Promise<Traffic>,
  ): Promise<void> => {
    try {
      const step = { title: `measures ${way}`, run: () => measureWay(way, pids, to.lastSeen, run, context.host) };
      measured.push(await runStep(step, context));
    } catch (error) {
      if (context.signal.aborted) throw error;
      left.push({ way, why: messageOf(error) });
    }
  };
  try {
    await row('none: this computer itself', [], service, () =>
      measureTraffic(() => connectDirectly({ address: '127.0.0.1', port: service.port }, DIAL_MS)),
    );
    const host = await findDaemon(context);
    await withNode(loginServer, context, (inside) =>
      withNode(loginServer, context, async (client) => {
        const both = [client.pid, inside.pid];
        const bySocks = (address: string, port: number) => () =>
          connectBySocks({ address, port }, { socksPort: client.socksPort }, DIAL_MS);
        await requirePath(client, inside.address);
        await row('userspace (SOCKS5) to userspace', both, service, () =>
          measureTraffic(bySocks(inside.address, service.port)),
        );
        await inside.tailscale(['serve', '--bg', '--yes', `--tcp=${SERVED_PORT}`, `tcp://127.0.0.1:${service.port}`], {
          withinMs: DIAL_MS,
        });
        await row('userspace (SOCKS5) to `serve`', both, service, () =>
          measureTraffic(bySocks(inside.address, SERVED_PORT)),
        );
        const own = ownAddress(host);
        if (host === undefined || own === undefined) {
          const why = 'this computer has no tailscaled under TUN: sudo vmkit tailnet service install';
          left.push({ way: 'TUN to userspace', why }, { way: 'userspace (SOCKS5) to TUN', why });
          return;
        }
        const pidsWith = (pid: number): number[] => [pid, ...(host.pid === undefined ? [] : [host.pid])];
        await requirePath(client, own);
        await row('TUN to userspace', pidsWith(inside.pid), service, () =>
          measureTraffic(() => connectDirectly({ address: inside.address, port: service.port }, DIAL_MS)),
        );
        // Open to the tailnet for as long as this takes.
        const open = await serveTraffic(own, 0);
        await row('userspace (SOCKS5) to TUN', pidsWith(client.pid), open, () =>
          measureTraffic(bySocks(own, open.port)),
        ).finally(() => open.close());
      }),
    );
  } finally {
    service.close();
  }
  return { measured, left };
}

async function withNode<T>(
  loginServer: string | undefined,
  context: VerbContext,
  work: (node: PassingNode) => Promise<T>,
): Promise<T> {
  const request: NodeRequest = {
    tailscale: await componentHere('tailscale', context),
    tailscaled: await componentHere('tailscaled', context),
    loginServer,
    authKey: await requireKey(loginServer, true, context),
    hostname: `vmkit-try-${randomBytes(3).toString('hex')}`,
  };
  return withPassingNode(request, context, work);
}

/** Waits for a direct path, within a few seconds; without one it is the relay that is measured. */
async function requirePath({ tailscale }: PassingNode, address: string): Promise<void> {
  await tailscale(['ping', '--c=10', '--timeout=2s', address], { withinMs: DIAL_MS });
}

/** Of this computer itself, where its system routes the tailnet. */
function ownAddress(daemon: Daemon | undefined): string | undefined {
  const isRouted = daemon?.status.BackendState === 'Running' && daemon.status.TUN;
  return isRouted ? daemon.status.Self.TailscaleIPs?.[0] : undefined;
}
