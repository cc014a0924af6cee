import { parseJson } from '../../core/text/json.ts';
import type { Context } from '../../host/context.ts';
import type { Host } from '../../host/host.ts';
import { dial } from '../../net/dial.ts';
import { portOf } from '../../net/endpoint.ts';
import { questionTo } from '../../net/question.ts';
import { type TailscalePrefs, tailscalePrefs } from '../../tailnet/tailscale-json.ts';
import type { NodeFacts, Target } from '../facts.ts';
import { hostName } from '../host-name.ts';
import { type Observation, ON_HOST, observeScript, readObservations } from '../observation.ts';
import { NODE_COMMANDS, readNodeFacts } from './node-facts.ts';
import { dialObservation } from './peer/dial-observation.ts';

/** The machine's host as a node of the tailnet, and the port of the machine on its 127.0.0.1; undefined where it has no Tailscale. */
export async function lookAtHost(target: Target, context: Context): Promise<NodeFacts | undefined> {
  const { host, signal } = context;
  if (!(await hasTailscale(host))) return undefined;
  const { hostPort, bridgeAddress, port, protocol } = target;
  const looked = host.exec(['sh'], {
    input: observeScript(NODE_COMMANDS, ON_HOST),
    withinMs: 10_000,
    signal,
  });
  // Awaited together: where one is interrupted, no other is left to fail unheard.
  const [{ stdout }, backend, bridge] = await Promise.all([
    looked,
    hostPort === undefined ? undefined : dialFromHost('127.0.0.1', hostPort, protocol, host),
    bridgeAddress === undefined ? undefined : dialFromHost(bridgeAddress, port, protocol, host),
  ]);
  const observed = new Map(readObservations(stdout, NODE_COMMANDS, 'host'));
  for (const [id, seen] of Object.entries({ backend, bridge })) {
    if (seen !== undefined) observed.set(id, seen);
  }
  return readNodeFacts({ title: hostName(host), machine: undefined }, observed);
}

/** What the host's node is set to; undefined where it has no Tailscale. */
export async function lookAtPrefs({ host, signal }: Context): Promise<TailscalePrefs | undefined> {
  if (!(await hasTailscale(host))) return undefined;
  const { stdout } = await host.exec(['tailscale', 'debug', 'prefs'], { withinMs: 10_000, signal });
  return parseJson(stdout, tailscalePrefs);
}

async function hasTailscale(host: Host): Promise<boolean> {
  return (await host.programs(['tailscale'])).size > 0;
}

/** Whether the control server of a tailnet answers this computer, in HTTP, whatever it says. */
export async function dialControl(url: string | undefined): Promise<Observation | undefined> {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const server = new URL(url);
  const { hostname, host, protocol } = server;
  const to = { address: hostname, port: portOf(server) };
  const request = { ...questionTo('http', host), tlsName: protocol === 'https:' ? hostname : undefined };
  return dialObservation('host', to, await dial(to, request, 3_000));
}

async function dialFromHost(
  address: string,
  port: number,
  protocol: Target['protocol'],
  host: Host,
): Promise<Observation> {
  const request = { ...questionTo(protocol, address), tlsName: undefined };
  const end = await dial({ address, port }, request, 5_000, { open: () => host.open({ tcp: port, at: address }) });
  // ssh tells a port that nobody listens on by the end of the connection.
  const text = end.result === 'closed' && !host.isHere ? 'refused, or ended at once' : end.text;
  return dialObservation('host', { address, port }, { ...end, text });
}
