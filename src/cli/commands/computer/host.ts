import { formatSubnet, isPrivate, parseAddress, parseSubnet, type Subnet } from '../../../core/addresses/ipv4.ts';
import { VmkitError } from '../../../core/errors/errors.ts';
import type { PhoneReport } from '../../../host/android/check/phone-row.ts';
import { isAndroid } from '../../../host/android/is-android.ts';
import type { PhoneNetwork } from '../../../host/android/phone-network.ts';
import type { Context } from '../../../host/context.ts';
import type { Tap } from '../../../host/network/bridge-addresses.ts';
import { type CheckRow, checkNetwork } from '../../../host/network/check-network.ts';
import type { NetworkRequest } from '../../../host/network/host-network.ts';
import type { Macvtap } from '../../../host/network/macvtap.ts';
import { withMachine } from '../../../machine/state/machine-lock.ts';
import { USUAL_VMM } from '../../../machine/vmm/drivers.ts';
import { BRIDGE } from '../../../spec/networks/link-addresses.ts';
import { ensureMachineUser, plannedUser } from '../../../verbs/boot/machine-user.ts';
import { type HostReport, setUpNetwork, tearDownHost } from '../../../verbs/host/host-network.ts';
import { reportOnPhone } from '../../../verbs/phone/phone-check.ts';
import { setUpPhone } from '../../../verbs/phone/phone-network.ts';
import { joinPhone } from '../../../verbs/phone/phone-tailnet.ts';
import { defineCommand } from '../../parse/command.ts';
import { changesText } from '../../show/changes-text.ts';
import { phoneText } from '../../show/phone-text.ts';
import { table } from '../../show/table.ts';

export const command = defineCommand({
  usage: 'host <action>',
  options: (yargs) =>
    yargs
      .positional('action', { choices: ['check', 'setup', 'teardown'] as const, demandOption: true })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Print the commands, and run none of them' })
      .option('subnet', {
        type: 'string',
        default: '192.168.100.0/24',
        describe: 'The subnet of the bridge; the host is its .1',
      })
      .option('tap', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'A machine and its address on the bridge: NAME=ADDRESS; may be repeated',
      })
      .option('link', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'Two machines on the bridge that may reach each other: A:B; may be repeated',
      })
      .option('crosvm', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'check, on a phone: the path there of a crosvm of your own; may be repeated',
      })
      .option('egress', {
        choices: ['phone', 'uplink'] as const,
        default: 'phone' as const,
        describe:
          "setup, on a phone: guests leave as the phone's own packets do, by its VPN too, or by the uplink past it",
      })
      .option('tailnet', {
        type: 'string',
        describe:
          "setup, on a phone: a node of its own in a tailnet, without a VPN, by TS_AUTHKEY. A URL: the control server, if not Tailscale's",
      })
      .option('trial', {
        type: 'boolean',
        default: false,
        describe:
          'check, on a phone: starts a kernel there with one, two and all processors. Some phones reset with all',
      })
      .option('macvtap', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'A machine and its address on the network of an interface: NAME=ADDRESS@INTERFACE; may be repeated',
      }),
  run: async (
    { action, 'dry-run': dryRun, ...args },
    context,
  ): Promise<readonly CheckRow[] | HostReport | PhoneReport> => {
    if (action === 'teardown') return tearDownHost(context, dryRun);
    if (await isAndroid(context.host)) {
      const { interface: bridge } = BRIDGE;
      if (action === 'check')
        return reportOnPhone({ bridge, subnet: args.subnet }, { builds: args.crosvm, isTried: args.trial }, context);
      const report = await setUpPhone(phoneNetwork(args), context, dryRun);
      if (args.tailnet === undefined || dryRun) return report;
      const joined = await joinPhone(args.tailnet === '' ? undefined : args.tailnet, context);
      return { ...joined, changes: [...report.changes, ...joined.changes] };
    }
    if (args.tailnet !== undefined) throw badUsage('--tailnet is for phones', 'vmkit tailnet join --userspace');
    const { uid } = await context.host.place();
    const request = await withOwners(networkRequest(args, uid), dryRun || action === 'check', context);
    return action === 'check' ? checkNetwork(request, context) : setUpNetwork(request, context, dryRun);
  },
  text: (result) =>
    'way' in result ? phoneText(result) : 'changes' in result ? changesText(result) : checkText(result),
  exitCode: (result) => {
    if ('way' in result) return result.way.way === 'none' || result.rows.some(isFailedTrial) ? 3 : 0;
    return 'changes' in result || result.every(({ isOk }) => isOk) ? 0 : 3;
  },
});

/** crosvm runs as root there, so that interfaces have no owners. */
function phoneNetwork(args: {
  subnet: string;
  tap: string[];
  link: string[];
  macvtap: string[];
  egress: PhoneNetwork['egress'];
}): PhoneNetwork {
  if (args.macvtap.length > 0)
    throw badUsage('--macvtap is for Linux: phones have a bridge', '--tap sql=192.168.100.2');
  const { name, bridge, subnet, taps, links } = networkRequest(args, 0);
  const linked = new Set(links.flat());
  return {
    name,
    bridge,
    subnet,
    egress: args.egress,
    taps: taps.map((tap) => ({ name: tap.name, meetsOthers: linked.has(tap.name) })),
  };
}

/** `owner`: of interfaces, as long as their machines have no users of their own. */
function networkRequest(
  args: { subnet: string; tap: string[]; link: string[]; macvtap: string[] },
  owner: number,
): NetworkRequest {
  const subnet = parseSubnet(args.subnet);
  if (subnet === undefined || !isPrivate(subnet) || subnet.bits < 16 || subnet.bits > 29) {
    throw badUsage(`--subnet ${args.subnet} is not a private subnet of /16 to /29`, '--subnet 192.168.100.0/24');
  }
  const taps = args.tap.map((text) => ({ ...parseTap(text, subnet), owner }));
  const twice = taps.find((tap, at) =>
    taps.some(({ name, address }, other) => other < at && (name === tap.name || address === tap.address)),
  );
  if (twice !== undefined)
    throw badUsage(`--tap ${twice.name}: its name or its address is given twice`, '--tap sql=192.168.100.2');
  const links = args.link.map((text): readonly [string, string] => {
    const [one = '', other = '', ...rest] = text.split(':');
    const isKnown = [one, other].every((name) => taps.some((tap) => tap.name === name));
    if (!isKnown || one === other || rest.length > 0)
      throw badUsage(`--link ${text} is not two of the TAPs given`, '--link sql:forge');
    return [one, other];
  });
  const macvtaps = args.macvtap.map((text) => ({ ...parseMacvtap(text), owner }));
  return { name: BRIDGE.name, bridge: BRIDGE.interface, subnet, taps, links, macvtaps };
}

/** A TAP belongs to who opens it: the person, or the machine's own user where root starts it. A look keeps no number. */
async function withOwners(request: NetworkRequest, isLook: boolean, context: Context): Promise<NetworkRequest> {
  const ownerOf = (name: string): Promise<number | undefined> =>
    isLook
      ? plannedUser(name, USUAL_VMM, context)
      : withMachine(name, 'vmkit host setup', context, (machine) => ensureMachineUser(machine, USUAL_VMM, context));
  const taps: Tap[] = [];
  for (const tap of request.taps) taps.push({ ...tap, owner: (await ownerOf(tap.name)) ?? tap.owner });
  return { ...request, taps };
}

/** IFNAMSIZ (linux/if.h): 15 characters. The letters are those that nft takes in a chain's name, too. */
function parseTap(text: string, subnet: Subnet): Omit<Tap, 'owner'> {
  const [, name = '', host = ''] = /^([a-z][a-z0-9_-]{0,14})=([0-9.]+)$/.exec(text) ?? [];
  const address = parseAddress(host);
  const at = address === undefined ? 0 : address - subnet.base;
  if (address === undefined || name === BRIDGE.interface || at < 2 || at >= 2 ** (32 - subnet.bits) - 1) {
    throw badUsage(
      `--tap ${text} is not NAME=ADDRESS, of at most 15 characters, and after the gateway in ${formatSubnet(subnet)}`,
      '--tap sql=192.168.100.2',
    );
  }
  return { name, address };
}

function parseMacvtap(text: string): Omit<Macvtap, 'owner'> {
  const [, name = '', host = '', parent = ''] =
    /^([a-z][a-z0-9_-]{0,14})=([0-9.]+)@([A-Za-z0-9_.-]{1,15})$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined) {
    throw badUsage(`--macvtap ${text} is not NAME=ADDRESS@INTERFACE`, '--macvtap web=192.168.1.50@enp3s0');
  }
  return { name, parent, address };
}

function badUsage(what: string, example: string): VmkitError {
  return new VmkitError('usage', 'bad-usage', `vmkit host: ${what}.`, { hint: `For example: ${example}` });
}

function checkText(rows: readonly CheckRow[]): string {
  const lines = rows.map(({ what, isOk, says, hint }) => [
    isOk ? 'ok' : 'no',
    what,
    isOk || hint === undefined ? says : `${says}. Try: ${hint}`,
  ]);
  return table(lines);
}

/** Machines have one processor where they ask for no more. */
function isFailedTrial({ what, answer }: PhoneReport['rows'][number]): boolean {
  return what === 'boots with 1 processor' && answer === 'no';
}
