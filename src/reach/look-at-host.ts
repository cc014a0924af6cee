import type { Context } from '../host/context.ts';
import { dial } from '../host/dial.ts';
import { isProgram, searchPath } from '../host/search-path.ts';
import type { ProxyFacts, Target } from './check.ts';
import { dialObservation } from './dial-observation.ts';
import { type Observation, observeScript, readObservations } from './observation.ts';
import { parseJson, serveConfig, tailscalePrefs, tailscaleStatus } from './tailscale-json.ts';

const COMMANDS = {
  status: 'tailscale status --json --peers=false',
  serve: 'tailscale serve status --json',
  prefs: 'tailscale debug prefs',
  forward: 'cat /proc/sys/net/ipv4/conf/tailscale0/forwarding',
};

/** This host as a node of the tailnet, and the port of the machine on its 127.0.0.1; undefined where it has no Tailscale. */
export async function lookAtHost(target: Target, { host, signal }: Context): Promise<ProxyFacts | undefined> {
  const path = process.env['PATH'] ?? '';
  if (!isProgram('tailscale', searchPath(path))) return undefined;
  const script = observeScript(COMMANDS, path);
  const { stdout } = await host.exec(['sh'], { input: script, withinMs: 20_000, signal });
  const observed = new Map(readObservations(stdout, COMMANDS, 'host'));
  const { hostPort, bridgeAddress, port } = target;
  if (hostPort !== undefined) observed.set('backend', await dialFromHost('127.0.0.1', hostPort));
  if (bridgeAddress !== undefined) observed.set('bridge', await dialFromHost(bridgeAddress, port));
  return {
    observed,
    status: parseJson(observed.get('status')?.output, tailscaleStatus),
    serve: parseJson(observed.get('serve')?.output, serveConfig),
    prefs: parseJson(observed.get('prefs')?.output, tailscalePrefs),
  };
}

async function dialFromHost(address: string, port: number): Promise<Observation> {
  const end = await dial({ address, port }, { text: 'GET / HTTP/1.0\r\n\r\n', tlsName: undefined }, 5_000);
  return dialObservation('host', { address, port }, end, end.text);
}
