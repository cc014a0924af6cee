import { procPort } from '../../../core/addresses/proc-net.ts';
import type { Context } from '../../../host/context.ts';
import { udpForwardId } from '../../../host/network/udp-forward.ts';
import { isAnswered } from '../../../net/dial.ts';
import type { Endpoint } from '../../../net/endpoint.ts';
import { questionTo } from '../../../net/question.ts';
import { dialByWireguard } from '../../../net/wireguard/dial.ts';
import type { WireguardKeys } from '../../../net/wireguard/handshake.ts';
import type { WireguardTunnel } from '../../../spec/service.ts';
import { WIREGUARD_MTU } from '../../../spec/services/wireguard.ts';
import type { Target, WireguardFacts } from '../../facts.ts';
import type { Observation } from '../../observation.ts';
import { peerDial } from '../peer/dial-observation.ts';
import { dialTwice, type Watcher } from '../peer/followed-dial.ts';

const DIAL_MS = 7_000;

/**
 * Whether this host's UDP port leads to the guest: QEMU holds it, or on the bridge the packet filter sends it there, which only root may ask; others are told
 * what the journal says, by `isApplied`.
 */
export async function lookAtUdpPort(
  { machine, bridgeAddress }: Pick<Target, 'machine' | 'bridgeAddress'>,
  port: number,
  isApplied: boolean,
  { host, signal }: Pick<Context, 'host' | 'signal'>,
): Promise<Observation> {
  const isBridge = bridgeAddress !== undefined;
  const table = udpForwardId(machine, 'wireguard').replace('nft:', '');
  if (isBridge && !(await host.facts()).isRoot) {
    const output = isApplied ? 'applied' : 'not applied';
    return { vantage: 'host', command: `journal of host changes, ${table}`, output, exitCode: isApplied ? 0 : 1 };
  }
  const argv = isBridge ? ['nft', 'list', 'table', 'ip', table] : heldBy(port);
  const { exitCode, stdout, stderr } = await host.exec(argv, { withinMs: 10_000, signal });
  const output = `${stdout}${stderr}`.trim();
  const isThere = exitCode === 0 && output !== '';
  return { vantage: 'host', command: argv.join(' '), output, exitCode: isThere ? 0 : 1 };
}

/** Local address and port are in hexadecimal, after the slot (proc_pid_net(5)). */
function heldBy(port: number): string[] {
  return ['grep', `: [0-9A-F]*:${procPort(port)} `, '/proc/net/udp'];
}

/** Without a handshake there is no tunnel to dial through. */
const UNHEARD = { result: 'timeout', firstByteMs: undefined } as const;

type ClientDial = Pick<WireguardFacts, 'handshake' | 'dial' | 'sentFrom'>;

/** A handshake and a dial of the service through the tunnel, by the client that is vmkit's own; once more, watched, where no answer comes. */
export async function dialAsClient(
  { address: machine, probe }: WireguardTunnel,
  keys: WireguardKeys,
  endpoint: Endpoint,
  { port, protocol }: Pick<Target, 'port' | 'protocol'>,
  watcher: Watcher,
): Promise<ClientDial> {
  const client = { endpoint, keys, address: probe.address, mtu: WIREGUARD_MTU };
  const to = { address: machine, port };
  const dialOnce = async (withinMs: number): Promise<ClientDial> => {
    const question = questionTo(protocol, machine);
    const { handshakeMs, sentFrom, error, end } = await dialByWireguard(client, to, question, withinMs);
    const handshake: Observation = {
      vantage: 'peer',
      command: `WireGuard handshake with ${endpoint.address}:${endpoint.port}`,
      output: handshakeMs === undefined ? (error ?? 'no answer') : `answered after ${handshakeMs} ms`,
      exitCode: handshakeMs === undefined ? 1 : 0,
    };
    return {
      handshake,
      sentFrom,
      dial: end === undefined ? { ...UNHEARD, observation: handshake } : peerDial(to, end),
    };
  };
  return dialTwice(dialOnce, ({ dial }) => dial !== undefined && isAnswered(dial), DIAL_MS, watcher);
}
