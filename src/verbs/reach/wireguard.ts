import { unlessInterrupted } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import { machinePaths } from '../../core/paths.ts';
import { publicKeyOf } from '../../core/x25519.ts';
import { readJournal } from '../../host/changes/change-journal.ts';
import type { Context } from '../../host/context.ts';
import { udpForwardId } from '../../host/network/udp-forward.ts';
import { takenPorts } from '../../host/taken-ports.ts';
import { wireguardConfig } from '../../reach/changes/wireguard-config.ts';
import { clientKnown, ownKey, tunnelListens, wireguardUp } from '../../reach/checks/tunnel.ts';
import { udpForwarded } from '../../reach/checks/wireguard.ts';
import type { Facts, WireguardFacts } from '../../reach/facts.ts';
import type { Watcher } from '../../reach/look/peer/followed-dial.ts';
import { dialAsClient, lookAtUdpPort } from '../../reach/look/tunnels/by-wireguard.ts';
import { readSecret, secretFile } from '../../secrets/secret-store.ts';
import { networkOf } from '../../spec/networks/networks.ts';
import type { WireguardTunnel } from '../../spec/service.ts';
import type { VmSpec } from '../../spec/vm-spec.ts';
import { runStep, type VerbContext } from '../step.ts';
import type { ClientKind } from './client-kind.ts';
import { addressElsewhere, appliedIn, isUdpForwarded, tunnelEndpoint } from './tunnel-endpoint.ts';

/**
 * Adds to what was seen the machine's WireGuard, where it has one: the UDP port of its host, and where nothing below is wrong, a dial from this computer by the
 * client that is vmkit's own.
 */
export async function lookByWireguard(
  spec: VmSpec,
  seen: Facts,
  isDialled: boolean,
  watcher: Watcher,
  context: VerbContext,
): Promise<Facts> {
  const tunnel = tunnelOf(spec);
  if (tunnel === undefined) return seen;
  const keys = await findKeys(spec.name, tunnel.probe.secret, context);
  const reached = await tunnelEndpoint(spec, tunnel.port, context.host);
  const { isSetUp, takenBy } = await findForward(spec, tunnel.port, context);
  const hasPort = isSetUp && spec.network.kind !== 'macvtap';
  const forward = hasPort ? await lookAtUdpPort(seen.target, tunnel.port, isSetUp, context) : undefined;
  const clientKey = keys === undefined ? undefined : publicKeyOf(keys.privateKey);
  const whyUntried = isDialled && 'whyNot' in reached ? reached.whyNot : undefined;
  const seenHere = { tunnel, clientKey, machineKey: keys?.machineKey, isSetUp, takenBy, forward, whyUntried };
  const wireguard = { ...seenHere, handshake: undefined, dial: undefined };
  const facts = { ...seen, wireguard };
  const lower = [tunnelListens, wireguardUp, ownKey, clientKnown, udpForwarded];
  const isSound = lower.every(({ look }) => look(facts)?.ok !== false);
  if (!isDialled || !isSetUp || !isSound || 'whyNot' in reached || keys === undefined) return facts;
  const client = { privateKey: keys.privateKey, peerKey: keys.machineKey };
  const run = (): ReturnType<typeof dialAsClient> =>
    unlessInterrupted(dialAsClient(tunnel, client, reached.endpoint, seen.target, watcher), context.signal);
  const dialled = await runStep({ title: 'dials by WireGuard', run }, context);
  return { ...facts, wireguard: { ...wireguard, ...dialled } };
}

/** The clients of a machine's WireGuard. */
export const wireguardClients: ClientKind = {
  names: (spec) => tunnelOf(spec)?.clients.map(({ name }) => name) ?? [],
  configure: async (spec, name, context) => {
    const tunnel = tunnelOf(spec);
    const client = tunnel?.clients.find((each) => each.name === name);
    if (tunnel === undefined || client === undefined) throw new TypeError(`No client ${name} of ${spec.name}.`);
    const keys = await findKeys(spec.name, client.secret, context);
    if (keys !== undefined) {
      return wireguardConfig(tunnel, client, keys, tunnel.endpoint ?? (await addressElsewhere(spec, context.host)));
    }
    throw new VmkitError('usage', 'client-without-key', `The client ${name} of ${spec.name} has no key yet.`, {
      hint: `Keys are made when the machine boots: vmkit stop ${spec.name} && vmkit boot ${spec.name}`,
    });
  },
};

function tunnelOf({ services }: Pick<VmSpec, 'services'>): WireguardTunnel | undefined {
  return services.find(({ wireguard }) => wireguard !== undefined)?.wireguard;
}

/** A client's private key, and the public one of the machine; undefined where they were not made yet. */
async function findKeys(
  machine: string,
  secret: string,
  context: Context,
): Promise<{ privateKey: string; machineKey: string } | undefined> {
  const paths = machinePaths(context.paths, machine);
  const [own, other] = await Promise.all(
    [secret, 'private-key'].map((name) => readSecret(secretFile(paths, 'wireguard', name), context)),
  );
  return own === undefined || other === undefined ? undefined : { privateKey: own, machineKey: publicKeyOf(other) };
}

/** Whether the host's UDP port leads to the machine, as far as vmkit knows, and who else has the port. A machine on the bridge shares its host's ports. */
async function findForward(
  spec: VmSpec,
  port: number,
  context: Context,
): Promise<Pick<WireguardFacts, 'isSetUp' | 'takenBy'>> {
  const { name, network } = spec;
  if (networkOf(network).udp.by === 'itself') return { isSetUp: true, takenBy: undefined };
  const journal = await readJournal(context);
  const own = udpForwardId(name, 'wireguard');
  const other = appliedIn(journal).find(
    ({ id, apply }) => id !== own && apply.some(({ input }) => sendsOn(input, port)),
  );
  const isSetUp = isUdpForwarded(spec, 'wireguard', journal);
  const isHeld = !isSetUp && (await takenPorts([{ protocol: 'udp', port }], context.host)).length > 0;
  return { isSetUp, takenBy: other?.title ?? (isHeld ? 'a program on the host holds it' : undefined) };
}

/** Of udp-forward.ts. */
function sendsOn(rules: string | undefined, port: number): boolean {
  return rules?.includes(`udp dport ${port} dnat`) ?? false;
}
