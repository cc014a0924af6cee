import { VmkitError } from '../../core/errors/errors.ts';
import { inParallel } from '../../core/in-parallel.ts';
import type { Context } from '../context.ts';
import { holds } from './apply-changes.ts';
import { rootRunner } from './as-root.ts';
import { type Change, type Command, type Probe, shellText } from './change.ts';
import type { JournalEntry } from './change-journal.ts';

/** Commands that look, each some milliseconds, or a round trip by ssh. */
const AT_ONCE = 4;

/** A change of vmkit's that others undid, whole or in part. */
export interface LostChange {
  readonly title: string;
  /** The command of it that does not hold any more, as a person types it; undefined: all of it is gone. */
  readonly command: string | undefined;
}

/**
 * Which of these changes of a journal do not hold any more: a firewall's restart flushed the rules, somebody set an interface down or switched forwarding
 * off. What only root may see is left out where sudo refuses. Changes nothing.
 */
export async function lostChanges(entries: readonly JournalEntry[], context: Context): Promise<readonly LostChange[]> {
  const applied = entries.filter(({ state }) => state === 'applied');
  const run = await rootRunner(context);
  const { isRoot } = await context.host.facts();
  const isThere = (probe: Probe): Promise<boolean> =>
    holds(probe, run, context).catch((error: unknown) => {
      if (error instanceof VmkitError && error.code === 'sudo-refused') return true;
      throw error;
    });
  const lost = await inParallel(applied, AT_ONCE, context.signal, async ({ title, apply, isApplied }) => {
    const claims = claimsOf({ apply });
    const broken: LostChange[] = [];
    for (const { command, probe } of claims) {
      if (!(await isThere(probe))) broken.push({ title, command: shellText(command, isRoot) });
    }
    // What is somebody else's now, such as forwarding for the whole host, holds all the same.
    if (claims.length > 0 && broken.length === 0) return [];
    return (await isThere(isApplied)) ? broken : [{ title, command: undefined }];
  });
  return lost.flat();
}

interface Claim {
  readonly command: Command;
  /** Holds as long as nobody undid what the command did. */
  readonly probe: Probe;
}

/** What can be seen of a change's commands for as long as they hold. Pure. */
export function claimsOf({ apply }: Pick<Change, 'apply'>): readonly Claim[] {
  return apply.flatMap((command) => {
    const probe = probeOf(command.argv);
    return probe === undefined ? [] : [{ command, probe: { ...probe, needsRoot: false } }];
  });
}

function probeOf(argv: readonly string[]): Omit<Probe, 'needsRoot'> | undefined {
  const words = argv.join(' ');
  const [, key, value] = /^sysctl -q -w (\S+)=(\S+)$/.exec(words) ?? [];
  if (key !== undefined) return { argv: ['cat', `/proc/sys/${key}`], prints: value };
  // IFF_UP is the lowest bit (include/uapi/linux/if.h).
  const [, up] = /^ip link set dev (\S+) up$/.exec(words) ?? [];
  if (up !== undefined) return { argv: ['grep', '-q', '[13579bdf]$', `/sys/class/net/${up}/flags`] };
  const [, port, bridge] = /^ip link set dev (\S+) master (\S+)$/.exec(words) ?? [];
  if (port !== undefined) return { argv: ['test', '-e', `/sys/class/net/${bridge}/brif/${port}`] };
  const [, address = '', dev = ''] = /^ip address add (\S+) dev (\S+)/.exec(words) ?? [];
  if (address === '') return undefined;
  return { argv: ['sh', '-c', 'ip -o address show dev "$1" | grep -qF " $2 "', '-', dev, address] };
}
