import { shellText } from '../../host/changes/change.ts';
import { readJournal } from '../../host/changes/change-journal.ts';
import { type LostChange, lostChanges } from '../../host/changes/lost-changes.ts';
import type { Context } from '../../host/context.ts';
import { forwardingKey } from '../../host/network/bridge-network.ts';
import { changesForMachine } from '../../host/network/tap-changes.ts';
import type { HostNetworkFacts, Target } from '../facts.ts';

/** An address of documentation (RFC 5737): where this host would send it is where the world is. Nothing is sent. */
const WORLD = '203.0.113.1';

/** The machine's network on this host, against what vmkit made there; undefined where it made none for it. */
export async function lookAtHostNetwork(
  { machine, bridgeAddress }: Target,
  context: Context,
): Promise<HostNetworkFacts | undefined> {
  if (bridgeAddress === undefined) return undefined;
  const entries = await readJournal(context);
  const ids = changesForMachine(
    machine,
    entries.map(({ id }) => id),
  );
  const meant = entries.filter(({ id }) => ids.includes(id));
  if (meant.length === 0) return undefined;
  const [lost, uplink] = await Promise.all([lostChanges(meant, context), closedUplink(context)]);
  const all = uplink === undefined ? lost : [...lost, uplink];
  const again = `sudo vmkit host setup --tap ${machine}=${bridgeAddress}, with the options of the first time`;
  const command = 'ip link; ip address; nft list ruleset; sysctl net.ipv4.conf';
  const output = all.length === 0 ? 'all is as vmkit made it' : all.map(textOf).join('; ');
  return {
    observation: { vantage: 'host', command, output, exitCode: all.length },
    fix: [...new Set(all.map((each) => each.command ?? again))].join('; '),
  };
}

function textOf({ title, command }: LostChange): string {
  return command === undefined ? `gone: ${title}` : `${title}: ${command} does not hold any more`;
}

/**
 * The interface through which the world is reached, where this host does not forward what comes back through it: it is another one than when the network was
 * set up, or forwarding was switched off since.
 */
async function closedUplink({ host, signal }: Context): Promise<LostChange | undefined> {
  const asked = await host.exec(['ip', '-o', '-4', 'route', 'get', WORLD], { signal, withinMs: 5_000 });
  const [, dev] = / dev (\S+)/.exec(asked.stdout) ?? [];
  if (asked.exitCode !== 0 || dev === undefined) return undefined;
  const key = forwardingKey(dev, 'ipv4');
  const { exitCode, stdout } = await host.exec(['cat', `/proc/sys/${key}`], { signal, withinMs: 5_000 });
  if (exitCode !== 0 || stdout.trim() === '1') return undefined;
  const command = shellText({ argv: ['sysctl', '-q', '-w', `${key}=1`] }, false);
  return { title: `forward what comes back through ${dev}, the way to the world`, command };
}
