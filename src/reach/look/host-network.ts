import { shellText } from '../../host/changes/change.ts';
import type { JournalEntry } from '../../host/changes/change-journal.ts';
import { type LostChange, lostChanges } from '../../host/changes/lost-changes.ts';
import type { Context } from '../../host/context.ts';
import { forwardingKey } from '../../host/network/bridge-network.ts';
import { changesOfTap } from '../../host/network/tap-changes.ts';
import type { HostNetworkFacts, Target } from '../facts.ts';

/** What makes a host's network for machines; what leads in from a tailnet or a tunnel is looked at by itself. */
const NETWORK = /^(link|nft|port|forwarding6?|mode|ufw|firewalld|ip6?tables):/;
/** Of documentation (RFC 5737): where this host would send it is where the world is. Nothing is sent. */
const WORLD = '203.0.113.1';

/** The machine's network on this host, against what vmkit made there; undefined where it made none for it. */
export async function lookAtHostNetwork(
  { machine, bridgeAddress }: Target,
  context: Context,
): Promise<HostNetworkFacts | undefined> {
  if (bridgeAddress === undefined) return undefined;
  const [lost, uplink] = await Promise.all([lostChanges(ofMachine(machine), context), closedUplink(context)]);
  const all = uplink === undefined ? lost : [...lost, uplink];
  const again = `sudo vmkit host setup --tap ${machine}=${bridgeAddress}, with the words of the first time`;
  const output = all.length === 0 ? 'all as it was made' : all.map(textOf).join('; ');
  return {
    observation: {
      vantage: 'host',
      command: 'ip link; ip address; nft list ruleset; sysctl',
      output,
      exitCode: all.length,
    },
    fix: [...new Set(all.map(({ command }) => command ?? again))].join('; '),
  };
}

function textOf({ title, command }: LostChange): string {
  return command === undefined ? `gone: ${title}` : `not any more: ${command}`;
}

/** Those of the machine and those of all machines. */
function ofMachine(machine: string): (entry: JournalEntry, index: number, all: readonly JournalEntry[]) => boolean {
  return ({ id }, _, all) => {
    const ids = all.map((entry) => entry.id);
    const taps = ids.filter((each) => each.startsWith('port:')).map((each) => each.slice('port:'.length));
    const own = changesOfTap(machine, ids);
    const isOthers = taps.some((tap) => tap !== machine && changesOfTap(tap, ids).includes(id));
    return NETWORK.test(id) && own.length > 0 && (own.includes(id) || !isOthers);
  };
}

/** The interface through which the world is reached, where this host does not forward what comes back through it: another one than when it was set up, or switched off since. */
async function closedUplink({ host, signal }: Context): Promise<LostChange | undefined> {
  const asked = await host.exec(['ip', '-o', '-4', 'route', 'get', WORLD], { signal, withinMs: 5_000 });
  const [, dev] = / dev (\S+)/.exec(asked.stdout) ?? [];
  if (asked.exitCode !== 0 || dev === undefined) return undefined;
  const key = forwardingKey(dev, 'ipv4');
  const { exitCode, stdout } = await host.exec(['cat', `/proc/sys/${key}`], { signal, withinMs: 5_000 });
  if (exitCode !== 0 || stdout.trim() === '1') return undefined;
  const command = shellText({ argv: ['sysctl', '-q', '-w', `${key}=1`] }, false);
  return { title: `forward what comes back through ${dev}`, command };
}
